"""Rate limits per user, address and scope; Redis away lets requests through."""

from __future__ import annotations

import pytest
from django.test import Client, override_settings

from apps.core.api import throttling
from apps.core.api.throttling import Rate, parse_rate, take
from tests.factories.users import UserFactory

pytestmark = pytest.mark.urls("tests.core.api_urls")
BACKEND = "apps.users.backends.NameOrEmailBackend"
OFF = {"address": "off", "user": "off", "login": "off", "registration": "off"}


@pytest.fixture(autouse=True)
def _closed_breaker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttling.breaker, "open_until", 0.0)


def statuses(client: Client, times: int, path: str = "/api/v1/t/echo", **extra: str) -> list[int]:
    return [client.get(path, **extra).status_code for _ in range(times)]  # type: ignore[arg-type]


@override_settings(RATE_LIMITS={**OFF, "address": "3/min"})
def test_an_address_is_refused_with_retry_after(client: Client) -> None:
    assert statuses(client, 4) == [200, 200, 200, 429]

    response = client.get("/api/v1/t/echo")

    assert response.json()["code"] == 1008
    assert 1 <= int(response.headers["Retry-After"]) <= 20


@override_settings(RATE_LIMITS={**OFF, "address": "2/min"})
def test_addresses_count_apart_and_ipv6_by_subscriber(client: Client) -> None:
    assert statuses(client, 3, REMOTE_ADDR="198.51.100.1") == [200, 200, 429]
    assert statuses(client, 2, REMOTE_ADDR="198.51.100.2") == [200, 200]
    assert statuses(client, 2, REMOTE_ADDR="2001:db8::1") == [200, 200]
    assert statuses(client, 1, REMOTE_ADDR="2001:db8::ffff") == [429]
    assert statuses(client, 1, REMOTE_ADDR="2001:db8:0:1::1") == [200]


@override_settings(RATE_LIMITS={**OFF, "address": "2/min"})
def test_a_forged_header_is_no_other_address(client: Client) -> None:
    assert statuses(client, 2) == [200, 200]
    assert statuses(client, 1, HTTP_X_FORWARDED_FOR="198.51.100.9") == [429]


@pytest.mark.django_db
@override_settings(RATE_LIMITS={**OFF, "user": "2/min"})
def test_a_user_is_one_wherever_they_are() -> None:
    user = UserFactory()
    here, there, stranger = Client(REMOTE_ADDR="198.51.100.1"), Client(REMOTE_ADDR="198.51.100.2"), Client()
    for client in (here, there):
        client.force_login(user, backend=BACKEND)
    stranger.force_login(UserFactory(), backend=BACKEND)

    assert statuses(here, 2) == [200, 200]
    assert statuses(there, 1) == [429]
    assert statuses(stranger, 1) == [200]


@override_settings(RATE_LIMITS={**OFF, "registration": "2/hour"})
def test_a_scope_has_a_stricter_limit(client: Client) -> None:
    answers = [client.post("/api/v1/t/scoped") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 1200 <= int(answers[2].headers["Retry-After"]) <= 1800
    assert statuses(client, 5) == [200] * 5


@override_settings(RATE_LIMITS={**OFF, "address": "1/min"})
def test_a_view_may_have_no_limit(client: Client) -> None:
    assert statuses(client, 5, path="/api/v1/t/unlimited") == [200] * 5


def test_refused_requests_are_not_counted() -> None:
    limits = [("throttle:test", Rate(2, 1))]
    assert [take(limits) > 0 for _ in range(2)] == [False, False]

    waits = [take(limits) for _ in range(20)]

    assert all(0 < wait <= 0.5 for wait in waits)


def test_one_refusing_limit_leaves_the_others_unused() -> None:
    narrow, wide = ("throttle:narrow", Rate(1, 60)), ("throttle:wide", Rate(2, 60))
    assert take([narrow, wide]) == 0
    assert take([narrow, wide]) > 0

    assert take([wide]) == 0


@override_settings(RATE_LIMITS={**OFF, "address": "1/min"}, REDIS_URL="redis://127.0.0.1:1/0")
def test_without_redis_everybody_passes_and_is_counted(client: Client) -> None:
    before = throttling.SKIPPED._value.get()

    assert statuses(client, 3) == [200] * 3
    assert throttling.SKIPPED._value.get() == before + 3


@pytest.mark.parametrize(("text", "rate"), [("10/min", Rate(10, 60)), ("1/s", Rate(1, 1)), ("5/day", Rate(5, 86_400))])
def test_rates_are_read(text: str, rate: Rate) -> None:
    assert parse_rate(text) == rate
    assert parse_rate("off") is None


@pytest.mark.parametrize("text", ["", "10", "0/min", "-1/min", "x/min", "10/fortnight"])
def test_wrong_rates_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="rate"):
        parse_rate(text)
