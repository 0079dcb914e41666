"""A recorded object has at most 64 KB, keeps its structure and stays valid JSON (I-3)."""

from __future__ import annotations

import time
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.audit.enums import Action
from apps.audit.models import AuditEvent
from apps.audit.registry import ResourceRef
from apps.audit.services import bounds, record
from apps.audit.testing import recorded, relay_all
from tests.audit.conftest import ALICE

THING = ResourceRef("testGroup", "7")
LIMIT = bounds.OBJECT_LIMIT_BYTES
MARK = bounds.CUT_MARK

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=200),
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.text(max_size=20), inner, max_size=8),
    max_leaves=40,
)


@pytest.mark.parametrize("value", [None, {}, {"a": "x" * (LIMIT - 8)}])
def test_what_fits_is_not_touched(value: Any) -> None:
    assert bounds.size(value) <= LIMIT
    assert bounds.fit(value, LIMIT) == (value, [])


def test_one_byte_more_than_64_kb_is_cut() -> None:
    value = {"a": "x" * (LIMIT - 7)}

    fitted, cut = bounds.fit(value, LIMIT)

    assert bounds.size(value) == LIMIT + 1
    assert bounds.size(fitted) <= LIMIT
    assert fitted["a"].endswith(MARK)
    assert cut == ["a"]


def test_the_longest_values_are_cut_and_the_short_ones_stay_whole() -> None:
    value = {"title": "short", "body": "b" * 100_000, "notes": "n" * 90_000, "summary": "s" * 500}

    fitted, cut = bounds.fit(value, LIMIT)

    assert list(fitted) == list(value)
    assert (fitted["title"], fitted["summary"]) == ("short", "s" * 500)
    assert cut == ["body", "notes"]
    assert abs(len(fitted["body"]) - len(fitted["notes"])) <= 1
    assert LIMIT - 100 < bounds.size(fitted) <= LIMIT


def test_nested_values_are_named_by_their_path() -> None:
    value = {"a": {"b": "x" * 100_000}, "list": [{"c": "y" * 100_000}, 1]}

    fitted, cut = bounds.fit(value, LIMIT)

    assert cut == ["a.b", "list[0].c"]
    assert fitted["list"][1] == 1
    assert bounds.size(fitted) <= LIMIT


def test_characters_are_never_split() -> None:
    fitted, _ = bounds.fit({"a": "八角志" * 30_000}, LIMIT)

    text = fitted["a"].removesuffix(MARK)
    assert set(text) == set("八角志")
    assert LIMIT - 100 < bounds.size(fitted) <= LIMIT


def test_escapes_count_with_the_length_they_get() -> None:
    fitted, _ = bounds.fit({"a": "\x01" * 30_000, "b": '"\n' * 30_000}, LIMIT)

    assert LIMIT - 200 < bounds.size(fitted) <= LIMIT


def test_a_container_of_too_many_small_things_becomes_the_mark() -> None:
    fitted, cut = bounds.fit({"ids": list(range(50_000)), "name": "kept"}, LIMIT)

    assert fitted == {"ids": MARK, "name": "kept"}
    assert cut == ["ids"]


@settings(max_examples=150, deadline=None)
@given(value=json_values, limit=st.integers(40, 400))
def test_whatever_the_value_is_it_fits_and_is_valid_json(value: Any, limit: int) -> None:
    fitted, cut = bounds.fit(value, limit)

    assert len(orjson.dumps(fitted)) <= limit
    assert bool(cut) == (bounds.size(value) > limit)
    assert bounds.fit(fitted, limit) == (fitted, [])


def test_a_large_event_is_built_within_50_ms() -> None:
    value = {f"field{number}": "八" * 20_000 for number in range(20)}

    started = time.perf_counter()
    bounds.fit(value, LIMIT)

    assert time.perf_counter() - started < 0.05


@pytest.mark.django_db
@pytest.mark.usefixtures("group_resource")
def test_a_large_change_is_recorded_cut_and_flagged() -> None:
    old, new = {"title": "t", "body": "o" * 100_000}, {"title": "t", "body": "n" * 100}

    record(Action.UPDATED, THING, actor=ALICE, old=old, new=new, data={"note": "d" * 50_000}, reason="r" * 20_000)
    relay_all()

    event = AuditEvent.objects.get()
    assert event.new == new
    assert event.old is not None
    assert event.old["title"] == "t"
    assert event.old["body"].endswith(MARK)
    assert len((event.old_object or "").encode()) <= LIMIT
    assert (event.old_object_truncated, event.new_object_truncated) == (True, False)
    assert event.truncated_fields == ["reason", "data.note", "old.body"]
    assert event.changed_fields == ["body"]
    assert event.reason.endswith(MARK)


@pytest.mark.django_db
@pytest.mark.usefixtures("group_resource")
def test_an_object_of_too_many_names_becomes_a_marker() -> None:
    record(Action.CREATED, THING, actor=ALICE, new={f"name{number}": number for number in range(20_000)})

    assert recorded()[0]["new"] == {"audit_marker": "too large", "type": "testGroup", "id": "7"}
