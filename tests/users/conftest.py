import pytest
from rest_framework.test import APIClient

from apps.audit.testing import recorded
from apps.users.api.tokens import pair_of
from tests.factories.users import PASSWORD, TokenSessionFactory, UserFactory


@pytest.fixture(autouse=True)
def _no_rate_limit(settings):
    """What is tested here is not the limit of requests by address."""
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "login": "off", "address": "off", "registration": "off"}


@pytest.fixture
def user_events():
    """What this test recorded about users, oldest first: ``migrate`` leaves events of other kinds."""
    return lambda: [event for event in recorded() if event["resource_type"] == "user"]


@pytest.fixture
def api() -> APIClient:
    return APIClient()


@pytest.fixture
def user(db):
    return UserFactory(username="Lin.Mei", email="Lin@Example.com")


@pytest.fixture
def sign_in(api):
    """Sign in through the API; returns the answer's ``data``."""

    def through(name: str, password: str = PASSWORD, **headers: str):
        response = api.post("/api/v1/auth/token", {"username": name, "password": password}, **headers)
        assert response.status_code == 200, response.content
        return response.json()["data"]

    return through


@pytest.fixture
def bearer_of():
    """Headers of somebody who is signed in, without the work of signing in."""
    return lambda user: {"authorization": f"Bearer {pair_of(TokenSessionFactory(user=user)).access_token}"}


@pytest.fixture
def administrator(db):
    return UserFactory(role="administrator", username="boss")


@pytest.fixture
def as_administrator(api, administrator, bearer_of):
    api.credentials(HTTP_AUTHORIZATION=bearer_of(administrator)["authorization"])
    return api


@pytest.fixture
def as_user(user, bearer_of):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=bearer_of(user)["authorization"])
    return client
