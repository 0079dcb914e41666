"""A repeated import passes over rows that say what they said last time, unless our row has changed since."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.core.actor import Actor, ActorKind
from apps.core.db import insert_values
from apps.events.clients.ufcstats import making
from apps.events.enums import Method, Result
from apps.events.models import Bout, BoutExternalId
from apps.events.services import Ending, enter_result, release_bout
from apps.events.services.identity import merge_fighters
from apps.fighters.models import Fighter, FighterExternalId
from apps.fighters.services import edit_fighter, release_fields
from tests.events.test_import_ufcstats import WRITES, bout, counts, load

EDITOR = Actor(ActorKind.USER, "7", "editor")

pytestmark = pytest.mark.django_db


def written(queries):
    return [query["sql"] for query in queries if query["sql"].lstrip().upper().startswith(WRITES)]


def test_only_bouts_of_names_that_nobody_decided_on_are_read_again(monkeypatch):
    load("old")
    read = []
    made = making.fight_row
    monkeypatch.setattr(making, "fighter_row", None)
    monkeypatch.setattr(making, "fight_row", lambda row, *rest: read.append(row["BOUT"]) or made(row, *rest))

    report = load("old")

    assert (counts(report, "fighters"), counts(report, "fights")) == ((0, 0, 28, 0), (0, 0, 35, 0))
    assert len(read) == 3
    assert all(any(name in one for name in report.unknown_names) for one in read)


def test_a_released_field_follows_its_source_with_the_next_import_of_the_same_files():
    load("old")
    fighter = Fighter.objects.get(name="Anna Lindqvist")
    theirs = fighter.nickname
    edit_fighter(fighter.pk, actor=EDITOR, nickname="Ours")
    assert counts(load("old"), "fighters") == (0, 0, 28, 1)
    release_fields(fighter.pk, ["nickname"], actor=EDITOR)

    report = load("old")

    assert counts(report, "fighters") == (0, 1, 27, 0)
    assert Fighter.objects.get(pk=fighter.pk).nickname == theirs
    assert load("old").changes == 0


def test_a_released_bout_follows_its_source_with_the_next_import_of_the_same_files():
    load("old")
    fight = bout("Anna Lindqvist", "Mei Sato")
    ours = Ending(result=Result.NO_CONTEST, method=Method.OVERTURNED.value, round=5, time_sec=300)
    enter_result(fight.pk, ours, actor=EDITOR, expected_version=fight.version, reason="failed test")
    assert counts(load("old"), "fights")[1] == 0
    fight.refresh_from_db()
    release_bout(fight.pk, actor=EDITOR, expected_version=fight.version)

    assert counts(load("old"), "fights")[1] == 1
    fight.refresh_from_db()
    assert (fight.result, fight.winner_fighter_id) == ("win", fight.red_fighter_id)


def test_ids_that_were_moved_by_a_merge_are_compared_once_and_then_passed_over():
    load("old")
    loser, survivor = Fighter.objects.filter(name__in=["Koji Ishida", "Anna Lindqvist"]).order_by("name")
    merge_fighters(loser.pk, survivor.pk, actor=EDITOR, reason="for the test")

    assert load("old").changes == 0
    with CaptureQueriesContext(connection) as queries:
        assert load("old").changes == 0
    assert written(queries) == []


def test_rows_that_were_imported_before_this_was_noted_are_compared_and_then_passed_over():
    load("old")
    BoutExternalId.objects.update(seen="")
    FighterExternalId.objects.update(seen="")
    Bout.objects.filter(pk=bout("Anna Lindqvist", "Mei Sato").pk).update(referee="")

    assert counts(load("old"), "fights") == (0, 1, 34, 0)
    with CaptureQueriesContext(connection) as queries:
        assert load("old").changes == 0
    assert written(queries) == []


def test_values_that_are_left_out_are_those_of_a_new_object():
    whole = Fighter.objects.create(name="A", stats={"a": 1})
    (made,) = insert_values(Fighter, ("name", "stats"), [("A", {"a": 1})])

    stored = Fighter.objects.get(pk=made or whole.pk + 1)
    same = [
        field.attname
        for field in Fighter._meta.concrete_fields
        if field.attname not in {"id", "created_at", "updated_at"}
    ]
    assert [getattr(stored, name) for name in same] == [getattr(whole, name) for name in same]
    assert stored.created_at is not None
    assert insert_values(Fighter, ("name",), []) == []
