"""Pages, cursors and filters (decisions 7 and 8)."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.test import Client

from apps.core.api.filters import parse_instant
from apps.users.models import User
from tests.factories.users import UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.core.api_urls")]


@pytest.fixture
def users() -> list[User]:
    made = UserFactory.create_batch(25)
    # Several rows share a moment, as a batch does.
    for number, user in enumerate(made):
        User.objects.filter(pk=user.pk).update(created_at=dt.datetime(2025, 1, 1 + number // 5, tzinfo=dt.UTC))
    return made


def ids(response: Any) -> list[int]:
    return [row["id"] for row in response.json()["data"]["items"]]


def test_first_page_and_numbers(client: Client, users: list[User]) -> None:
    data = client.get("/api/v1/t/users").json()["data"]

    assert [row["id"] for row in data["items"]] == [user.pk for user in users[:20]]
    assert data["pagination"] == {"page": 1, "page_size": 20, "total": 25, "total_pages": 2}


def test_last_page_is_short_and_the_next_is_empty(client: Client, users: list[User]) -> None:
    assert len(ids(client.get("/api/v1/t/users?page=2"))) == 5
    response = client.get("/api/v1/t/users?page=3")
    assert response.status_code == 200
    assert response.json()["data"] == {
        "items": [],
        "pagination": {"page": 3, "page_size": 20, "total": 25, "total_pages": 2},
    }


def test_no_rows_are_no_pages(client: Client) -> None:
    assert client.get("/api/v1/t/users").json()["data"]["pagination"]["total_pages"] == 0


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("page=0", "page"), ("page=-1", "page"), ("page=x", "page"), ("page=", "page"), ("page=1.0", "page"),
        ("page=١", "page"), ("page=" + "9" * 5000, "page"), ("page_size=0", "page_size"),
        ("page_size=101", "page_size"), ("page_size=all", "page_size"), ("limit=5", "limit"), ("status=", None),
        ("status=nobody", "status"), ("since=yesterday", "since"), ("since=2025-01-01T00:00:00", "since"),
        ("since=" + "9" * 15, "since"), ("statu=active", "statu"),
    ],
)  # fmt: skip
def test_bad_parameters_are_named(client: Client, query: str, field: str | None) -> None:
    response = client.get(f"/api/v1/t/users?{query}")

    if field is None:
        assert response.status_code == 200
    else:
        assert (response.status_code, response.json()["code"]) == (400, 1001)
        assert [error["field"] for error in response.json()["errors"]] == [field]


def test_a_page_far_away_asks_no_more_than_the_count(
    client: Client, users: list[User], django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(1):
        assert ids(client.get("/api/v1/t/users?page=999999999999999999")) == []


def test_size_of_a_page_does_not_change_the_number_of_queries(
    client: Client, users: list[User], django_assert_num_queries: Any
) -> None:
    for size in (2, 20):
        with django_assert_num_queries(2):
            client.get(f"/api/v1/t/users?page_size={size}")


def test_a_list_without_order_is_ordered(client: Client, users: list[User]) -> None:
    assert ids(client.get("/api/v1/t/plain-list?page_size=3")) == [user.pk for user in users[:3]]


@pytest.mark.parametrize("since", ["2025-01-05T00:00:00Z", "2025-01-05T08:00:00%2B08:00", "2025-01-05T08:00:00+08:00",
                                   "1736035200000"])  # fmt: skip
def test_times_filter_as_rfc_3339_and_milliseconds(client: Client, users: list[User], since: str) -> None:
    assert ids(client.get(f"/api/v1/t/users?since={since}")) == [user.pk for user in users[20:]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-01-31T08:00:00Z", dt.datetime(2025, 1, 31, 8, tzinfo=dt.UTC)),
        ("2025-01-31 08:00:00.5z", dt.datetime(2025, 1, 31, 8, 0, 0, 500_000, tzinfo=dt.UTC)),
        ("2025-01-31T08:00:00.123456789+08:00", dt.datetime(2025, 1, 31, 0, 0, 0, 123_456, tzinfo=dt.UTC)),
        ("0", dt.datetime(1970, 1, 1, tzinfo=dt.UTC)),
        ("-1", dt.datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=dt.UTC)),
    ],
)
def test_instants(text: str, expected: dt.datetime) -> None:
    assert parse_instant(text) == expected


@pytest.mark.parametrize("size", [1, 3, 7, 25, 100])
def test_cursor_walks_there_and_back(client: Client, users: list[User], size: int) -> None:
    expected = [user.pk for user in User.objects.order_by("-created_at", "-id")]
    pages = []
    cursor = ""
    while cursor is not None:
        response = client.get("/api/v1/t/history", {"cursor": cursor, "page_size": size})
        pages.append(ids(response))
        numbers = response.json()["data"]["pagination"]
        assert set(numbers) == {"page_size", "next_cursor", "previous_cursor"}
        cursor = numbers["next_cursor"]

    assert [pk for page in pages for pk in page] == expected
    back = [pages[-1]]
    while numbers["previous_cursor"] is not None:
        response = client.get("/api/v1/t/history", {"cursor": numbers["previous_cursor"], "page_size": size})
        numbers = response.json()["data"]["pagination"]
        back.insert(0, ids(response))
        assert numbers["next_cursor"] is not None
    assert back == pages


def test_cursor_neither_counts_nor_skips(client: Client, users: list[User], django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1) as queries:
        cursor = client.get("/api/v1/t/history?cursor=").json()["data"]["pagination"]["next_cursor"]
    with django_assert_num_queries(1) as more:
        client.get("/api/v1/t/history", {"cursor": cursor})

    for query in [*queries, *more]:
        assert "COUNT" not in query["sql"]
        assert "OFFSET" not in query["sql"]


def test_rows_that_arrive_meanwhile_are_not_seen_twice(client: Client, users: list[User]) -> None:
    first = client.get("/api/v1/t/history?cursor=&page_size=5")
    UserFactory.create_batch(5)

    second = client.get(
        "/api/v1/t/history", {"cursor": first.json()["data"]["pagination"]["next_cursor"], "page_size": 5}
    )

    assert set(ids(first)).isdisjoint(ids(second))
    assert ids(second) == [user.pk for user in reversed(users[15:20])]


def test_history_knows_pages_too(client: Client, users: list[User]) -> None:
    data = client.get("/api/v1/t/history?page=2&page_size=10").json()["data"]

    assert data["pagination"].pop("next_cursor")
    assert data["pagination"] == {"page": 2, "page_size": 10, "total": 25, "total_pages": 3}
    assert client.get("/api/v1/t/history?page=3&page_size=10").json()["data"]["pagination"]["next_cursor"] is None


def test_a_cursor_from_a_page_goes_on_where_it_ended(client: Client, users: list[User]) -> None:
    page = client.get("/api/v1/t/history?page=1&page_size=10")
    cursor = page.json()["data"]["pagination"]["next_cursor"]

    assert ids(client.get("/api/v1/t/history", {"cursor": cursor, "page_size": 10})) == ids(
        client.get("/api/v1/t/history?page=2&page_size=10")
    )


def test_foreign_and_altered_cursors_are_refused(client: Client, users: list[User]) -> None:
    cursor = client.get("/api/v1/t/history?cursor=").json()["data"]["pagination"]["next_cursor"]

    for wrong in ("x", cursor[:-2], "A" + cursor, cursor + "A", "W10:abc"):
        response = client.get("/api/v1/t/history", {"cursor": wrong})
        assert (response.status_code, response.json()["errors"][0]["field"]) == (400, "cursor")
    other_filters = client.get("/api/v1/t/history", {"cursor": cursor, "status": "active"})
    assert (other_filters.status_code, other_filters.json()["errors"][0]["field"]) == (400, "cursor")
