"""Files in other forms than today's: what can be read is used, and what can't is told of."""

import datetime as dt

import pytest

from apps.core.errors import Invalid
from apps.events.clients.ufcstats import open_dataset
from apps.events.clients.ufcstats import rows as tables
from apps.events.models import Bout, Event
from apps.fighters.models import Fighter
from tests.events import snapshots
from tests.events.snapshots import event, fight, fighter, load, write

pytestmark = pytest.mark.django_db

ONE, TWO = fighter("Al One", 1), fighter("Bo Two", 2)
NIGHT = event("Night 1", 1)


@pytest.fixture
def snapshot(tmp_path):
    def make(events=(NIGHT,), fights=(), fighters=(ONE, TWO)):
        return snapshots.snapshot(tmp_path, events=events, fights=fights, fighters=fighters)

    return make


def test_columns_that_are_no_keys_may_lack(snapshot):
    folder = snapshot()
    write(folder, tables.EVENTS, [NIGHT], without=["LOCATION"])
    write(folder, tables.TOTT, [ONE, TWO], without=["REACH", "STANCE"])
    fights = [fight("Night 1", "Al One", "Bo Two", 1)]
    write(folder, tables.RESULTS, fights, without=["REFEREE", "DETAILS", "METHOD"])

    report = load(folder)

    bout = Bout.objects.get()
    assert (bout.result, bout.method, bout.referee, bout.round, bout.time_sec) == ("win", "", "", 1, 62)
    assert set(Fighter.objects.values_list("reach_mm", "stance", "height_mm")) == {(None, "", 1753)}
    assert (report.reasons, load(folder).changes) == ([], 0)


@pytest.mark.parametrize(
    ("name", "column"),
    [(tables.RESULTS, "OUTCOME"), (tables.RESULTS, "URL"), (tables.TOTT, "FIGHTER"), (tables.EVENTS, "DATE")],
)
def test_nothing_is_written_when_a_key_lacks(snapshot, name, column):
    folder = snapshot()
    write(folder, name, [], without=[column])

    with pytest.raises(Invalid, match=column):
        load(folder)

    assert (Fighter.objects.count(), Event.objects.count()) == (0, 0)


def test_one_table_without_some_columns_is_known_by_its_name(tmp_path):
    write(tmp_path, tables.TOTT, [ONE], without=["REACH"])

    assert load(tmp_path / tables.TOTT).fighters.added == 1


@pytest.mark.parametrize("day", ["2026-08-01", "August 01, 2026", "Aug 01, 2026", "2026-08-01 00:00:00"])
def test_days_in_every_form(snapshot, day):
    load(snapshot([event("Night 1", 1, day)], fighters=[{**ONE, "DOB": day.replace("2026", "1990")}]))

    assert Event.objects.get().starts_at.date() == dt.date(2026, 8, 1)
    assert Fighter.objects.get().birth_date == dt.date(1990, 8, 1)


@pytest.mark.parametrize("day", ["2026-13-01", "01/08/2026", "yesterday", "2026-08-01x"])
def test_a_day_in_no_form_refuses_the_event_and_only_the_birth_of_a_fighter(snapshot, day):
    report = load(snapshot([event("Night 1", 1, day)], fighters=[{**ONE, "DOB": day}]))

    assert (report.events.refused, report.fighters.added, report.fighters.refused) == (1, 1, 0)
    assert [(item["what"], day in item["reason"]) for item in report.reasons] == [("field", True), ("row", True)]
    assert (Fighter.objects.get().birth_date, Event.objects.count()) == (None, 0)


def test_an_unreadable_field_loses_nothing_but_itself_and_is_told_of_each_time(snapshot):
    odd = {**ONE, "STANCE": "Unorthodox", "HEIGHT": "tall"}
    folder = snapshot(fights=[fight("Night 1", "Al One", "Bo Two", 1, ROUND="99999")], fighters=[odd, TWO])

    first, second = load(folder), load(folder)

    one = Fighter.objects.get(name="Al One")
    assert (one.stance, one.height_mm, one.reach_mm) == ("", None, 1778)
    assert (Bout.objects.get().result, Bout.objects.get().round) == ("win", None)
    assert (first.fighters.added, first.fighters.refused, second.changes) == (2, 0, 0)
    assert [item["what"] for item in first.reasons] == ["field"] * 3
    assert second.reasons == first.reasons


def test_an_unreadable_field_erases_nothing(snapshot):
    load(snapshot())

    load(snapshot(fighters=[{**ONE, "STANCE": "Unorthodox", "REACH": '71"'}, TWO]))

    one = Fighter.objects.get(name="Al One")
    assert (one.stance, one.reach_mm) == ("orthodox", 1803)


@pytest.mark.parametrize(
    ("bout", "outcome"),
    [
        ("Al One vs Bo Two", "W/L"),
        ("Al One VS. Bo Two", "W/L"),
        ("Al One  vs.  Bo Two", "w/l"),
        ("Al One vs. Bo Two", "W / L"),
    ],
)
def test_names_and_outcomes_in_other_spellings(snapshot, bout, outcome):
    load(snapshot(fights=[fight("Night 1", "", "", 1, BOUT=bout, OUTCOME=outcome)]))

    assert Bout.objects.get().winner_fighter.name == "Al One"


def test_two_rows_of_one_fight_that_contradict_each_other_are_told_of(snapshot):
    fights = [fight("Night 1", "Al One", "Bo Two", 1, outcome) for outcome in ("W/L", "L/W", "W/L")]
    folder = snapshot(fights=fights)

    first, second = load(folder), load(folder)

    assert (first.fights.added, first.fights.refused, first.repeated_rows) == (1, 1, 2)
    assert Bout.objects.get().winner_fighter.name == "Al One"
    (reason,) = first.reasons
    assert (reason["what"], reason["where"]) == ("fight", "Night 1: Al One vs. Bo Two")
    assert (second.changes, second.reasons) == (0, first.reasons)


def test_the_same_row_under_two_event_names_contradicts_nothing(snapshot):
    fights = [fight(name, "Al One", "Bo Two", 1) for name in ("Night 1", "Night One")]

    report = load(snapshot(fights=fights))

    assert (report.fights.refused, report.repeated_rows, report.reasons) == (0, 1, [])


def test_a_file_that_lacks_columns_is_refused_when_it_is_opened(snapshot):
    folder = snapshot()
    write(folder, tables.RESULTS, [], without=["BOUT"])

    with pytest.raises(Invalid, match="BOUT"), open_dataset(folder):
        pass
