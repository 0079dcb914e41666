"""Every route and every page of the back-office, asked as every kind of person (decision 10).

The policy is ``permissions.yaml``; the rights behind it are ``apps/users/roles.py``.  A refusal also changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.test import Client
from django.urls import reverse

from apps.audit.testing import recorded
from apps.users.api.tokens import pair_of
from apps.users.models import User
from apps.users.roles import PERMISSIONS, Role
from tests.factories.users import TokenSessionFactory, UserFactory
from tests.security.routes import METHODS, Route, all_routes, model_routes

TABLE: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "permissions.yaml").read_text(encoding="utf-8"))
WORDS = {"public", "signed_in", "staff", "nobody"}
# One value that every parameter takes; what it names does not exist.
ABSENT = "987654321"


@dataclass(frozen=True)
class Person:
    """A kind of caller."""

    name: str
    role: Role | None = None
    is_staff: bool = False
    is_superuser: bool = False
    is_known: bool = True

    def may(self, who: str) -> bool:
        if who in WORDS:
            return {"public": True, "signed_in": self.is_known, "staff": self.is_staff, "nobody": False}[who]
        return self.is_superuser or (self.role is not None and self.role in PERMISSIONS[who])

    def enter(self) -> User | None:
        if not self.is_known:
            return None
        return UserFactory(role=self.role or "", superuser=self.is_superuser, is_staff=self.is_staff)


PEOPLE = (
    Person("anonymous", is_known=False),
    Person("customer"),
    *(Person(role.value, role=role, is_staff=True) for role in Role),
    Person("staff without role", is_staff=True),
    Person("superuser", is_staff=True, is_superuser=True),
)
ROUTES = {route.name: route for route in all_routes()}
MODEL_PAGES = model_routes()
MODEL_RULES = {f"{model} {page}": who for model, pages in TABLE["models"].items() for page, who in pages.items()}


def api_rules() -> list[tuple[str, str, str]]:
    return [(name, method, who) for name, methods in TABLE["routes"].items() for method, who in methods.items()]


# --- the table is complete and names nothing that is not there ---


def test_every_route_stands_in_the_table_and_nothing_else_does():
    in_table = {*TABLE["routes"], *TABLE["pages"], *TABLE["left_out"]}
    unnamed_model_pages = {
        name for name in ROUTES if name.startswith("<admin/") and name.endswith("/<path:object_id>/>")
    }

    assert set(ROUTES) - in_table - set(MODEL_PAGES) - unnamed_model_pages == set(), "missing in permissions.yaml"
    assert in_table - set(ROUTES) == set(), "no longer a route"


def test_every_method_of_every_route_stands_in_the_table():
    declared = {name: set(methods) for name, methods in TABLE["routes"].items()}
    answered = {name: set(ROUTES[name].methods()) for name in TABLE["routes"] if name in ROUTES and _is_class(name)}

    assert {name: declared[name] for name in answered} == answered


def test_every_page_and_action_of_every_model_stands_in_the_table_and_nothing_else_does():
    pages = set(MODEL_PAGES.values())

    assert pages - set(MODEL_RULES) == set(), "missing in permissions.yaml"
    assert set(MODEL_RULES) - pages == set(), "no longer a page"


def test_table_speaks_only_of_permissions_that_roles_can_hold():
    rules = {who for _, _, who in api_rules()} | set(TABLE["pages"].values()) | set(MODEL_RULES.values())

    assert rules - WORDS - set(PERMISSIONS) == set()


def _is_class(name: str) -> bool:
    view = ROUTES[name].view
    return hasattr(view, "cls") or hasattr(view, "view_class")


# --- the table is true ---


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "method", "who"), api_rules(), ids=lambda value: str(value))
def test_route_is_open_to_whom_the_table_says(name, method, who, settings):
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, "off")
    path = _path(ROUTES[name])
    for person in PEOPLE:
        before = recorded()
        response = _call(person, method, path)

        assert response.status_code not in {405, 500}, (person.name, response.status_code)
        if person.may(who):
            assert not _refuses(response), (person.name, response.content)
        else:
            assert _refuses(response), (person.name, response.status_code)
            assert response.status_code == (403 if person.is_known else 401), person.name
            assert response.json()["code"] == (1005 if person.is_known else 1002)
            assert recorded() == before


@pytest.mark.django_db
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", [name for name in TABLE["routes"] if ROUTES[name].pattern.startswith("api/v1/")])
def test_method_that_is_not_in_the_table_is_refused_to_everybody(name, method, settings):
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, "off")
    if method in TABLE["routes"][name]:
        return
    for person in (PEOPLE[0], PEOPLE[-1]):
        response = _call(person, method, _path(ROUTES[name]))

        assert response.status_code in {401, 403, 405}, (person.name, response.status_code)


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "who"), TABLE["pages"].items())
def test_page_is_open_to_whom_the_table_says(name, who):
    _judge_page(_path(ROUTES[name]), who, method="POST" if name == "admin:logout" else "GET")


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "page"), MODEL_PAGES.items(), ids=lambda value: str(value))
def test_model_page_is_open_to_whom_the_table_says(name, page):
    _judge_page(_path(ROUTES[name]), MODEL_RULES[page])


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "page"),
    [(name, page) for name, page in MODEL_PAGES.items() if page.split()[1] not in {"changelist", "change"}],
    ids=lambda value: str(value),
)
def test_model_action_is_carried_out_for_whom_the_table_says(name, page):
    _judge_page(_path(ROUTES[name]), MODEL_RULES[page], method="POST")


def _judge_page(path: str, who: str, *, method: str = "GET") -> None:
    """Strangers are sent to the sign-in page, staff without the right are refused."""
    for person in PEOPLE:
        client = Client()
        user = person.enter()
        if user is not None:
            client.force_login(user)
        before = recorded()
        response = getattr(client, method.lower())(path)

        sent_to_sign_in = response.status_code == 302 and response["Location"].startswith(reverse("admin:login"))
        seen = (person.name, response.status_code, response.get("Location"))
        assert response.status_code < 500, seen
        if person.may(who):
            assert response.status_code != 403, seen
            assert not sent_to_sign_in, seen
        else:
            assert response.status_code == 403 if person.is_staff else sent_to_sign_in, seen
            assert recorded() == before, seen


def _path(route: Route) -> str:
    """The route's address, with absent things in it; built from the pattern because not every route has a name."""
    path = "/" + route.pattern
    for parameter in route.parameters:
        start = path.index("<", 0)
        end = path.index(">", start) + 1
        assert parameter in path[start:end]
        path = path[:start] + ABSENT + path[end:]
    return path


def _call(person: Person, method: str, path: str) -> Any:
    user = person.enter()
    headers = {}
    if user is not None:
        headers["authorization"] = f"Bearer {pair_of(TokenSessionFactory(user=user)).access_token}"
    return Client(raise_request_exception=False).generic(
        method, path, b"{}" if method != "GET" else b"", "application/json", headers=headers
    )


def _refuses(response: Any) -> bool:
    """Refused for who is asking: a wrong refresh token is no such refusal, though it is a 401 as well."""
    return response.status_code == 403 or (response.status_code == 401 and response.json()["code"] in {1002, 1003})
