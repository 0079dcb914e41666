"""What every request may bring: a version, an idempotency key, and only the fields that are declared."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from rest_framework import serializers
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from apps.core.api.parameters import whole_id
from apps.core.api.strict import StrictSerializer
from apps.core.api.versions import expected_version, is_known, version_tag, versioned
from apps.core.errors import Invalid, PreconditionFailed
from apps.core.versions import require_version
from apps.users.models import IdempotentRequest, User


def put(body: Any, **headers: str) -> Request:
    request = APIRequestFactory().put("/x", body, format="json", headers=headers)
    return Request(request, parsers=[JSONParser()])


# --- versions ---


@pytest.mark.parametrize(
    ("header", "body", "version"),
    [
        ("", {}, None),
        ("*", {"version": 3}, None),
        ('"7"', {"version": 3}, 7),
        ('W/"7"', {}, 7),
        ('"7-0123456789abcdef"', {}, 7),
        ("7", {}, 7),
        ("", {"version": 3}, 3),
        ("", {"version": None}, None),
        ("", [], None),
    ],
)
def test_expected_version(header: str, body: Any, version: int | None) -> None:
    assert expected_version(put(body, **{"If-Match": header})) == version


@pytest.mark.parametrize("header", ['"x"', '"7", "8"', "7" * 10, '"-1"', '"7-xyz"'])
def test_what_is_no_version_is_refused(header: str) -> None:
    with pytest.raises(Invalid) as error:
        expected_version(put({}, **{"If-Match": header}))
    assert [item.field for item in error.value.errors] == ["version"]


def test_tag_of_a_version_comes_back_as_this_version() -> None:
    for tag in (version_tag(12), version_tag(12, "also"), version_tag(12, None)):
        assert expected_version(put({}, **{"If-Match": tag})) == 12
    assert version_tag(12) == '"12"'
    assert version_tag(12, "a") != version_tag(12, "b")


@pytest.mark.parametrize(
    ("header", "known"),
    [("", False), ('"7"', True), ('W/"7"', True), ('"1", "7"', True), ("*", True), ('"8"', False), ("7", False)],
)
def test_copy_of_the_caller(header: str, known: bool) -> None:
    assert is_known(header, '"7"') is known


@pytest.mark.parametrize(("method", "status"), [("get", 304), ("put", 200)])
def test_only_readers_are_told_that_nothing_changed(method: str, status: int) -> None:
    request = getattr(APIRequestFactory(), method)("/x", headers={"If-None-Match": '"7"'})

    assert versioned(Request(request), {}, tag='"7"').status_code == status


def test_stale_version_is_refused_and_none_is_not_asked() -> None:
    row = SimpleNamespace(version=3)

    require_version(row, None)
    require_version(row, 3)
    for stale in (2, 4, 0):
        with pytest.raises(PreconditionFailed):
            require_version(row, stale)


@pytest.mark.parametrize("text", ["0", "-1", "x", "1.0", "", "1" * 19, "١"])
def test_what_is_no_number_is_no_id(text: str) -> None:
    with pytest.raises(Invalid):
        whole_id(text)


# --- declared fields only ---


class Inner(StrictSerializer):
    size = serializers.IntegerField()


class Outer(StrictSerializer):
    name = serializers.CharField()
    inner = Inner(required=False)
    shown = serializers.CharField(read_only=True)


@pytest.mark.parametrize(
    ("body", "problems"),
    [
        ({"name": "a"}, {}),
        ({"name": "a", "inner": {"size": 1}}, {}),
        ({"name": "a", "other": 1}, {"other": "unknown"}),
        ({"name": "a", "shown": "x"}, {"shown": "unknown"}),
        ({"other": 1}, {"name": "required", "other": "unknown"}),
    ],
)
def test_unknown_fields_are_told_together_with_what_else_is_wrong(body: Any, problems: dict[str, str]) -> None:
    given = Outer(data=body)

    assert given.is_valid() is not bool(problems)
    assert {name: found[0].code for name, found in given.errors.items()} == problems


def test_unknown_field_of_a_nested_object_is_found() -> None:
    given = Outer(data={"name": "a", "inner": {"size": 1, "colour": "red"}})

    assert not given.is_valid()
    assert given.errors["inner"]["colour"][0].code == "unknown"


def test_answer_to_a_thousand_unknown_fields_is_short() -> None:
    given = Outer(data={"name": "a", **{"x" * 500 + str(number): 1 for number in range(1000)}})

    assert not given.is_valid()
    assert len(str(given.errors)) < 10_000


# --- idempotency ---


@pytest.mark.django_db(transaction=True)
@pytest.mark.urls("tests.core.api_urls")
def test_error_that_a_view_returns_is_not_kept_and_undoes_the_work(client: Client) -> None:
    response = client.post("/api/v1/t/once", {}, content_type="application/json", headers={"Idempotency-Key": "k"})

    assert response.status_code == 409
    assert not User.objects.exists()
    assert not IdempotentRequest.objects.exists()
