"""What a later snapshot says otherwise: a correction, an addition, or another address."""

import datetime as dt

import pytest
from django.utils import timezone

from apps.core.actor import Actor, ActorKind
from apps.events.clients.ufcstats import rows as tables
from apps.events.enums import BoutState
from apps.events.models import Bout, BoutRevision
from apps.events.services.identity import merge_fighters
from apps.fighters.models import Fighter
from tests.events import snapshots
from tests.events.snapshots import event, fight, fighter, load, page, write
from tests.factories.events import BoutFactory, EventFactory

pytestmark = pytest.mark.django_db

EDITOR = Actor(ActorKind.USER, "7", "editor")
ONE, TWO = fighter("Al One", 1), fighter("Bo Two", 2)
NIGHT = event("Night 1: One vs. Two", 1)


@pytest.fixture
def snapshot(tmp_path):
    def make(events=(), fights=(), fighters=(ONE, TWO)):
        return snapshots.snapshot(tmp_path, events=events, fights=fights, fighters=fighters)

    return make


@pytest.fixture
def followed(snapshot):
    """A bout whose result a live feed brought: winner, round and time, but no method."""
    load(snapshot())
    one, two = Fighter.objects.order_by("name")
    evening = EventFactory(org="UFC", name=NIGHT["EVENT"], starts_at=dt.datetime(2026, 8, 1, 22, tzinfo=dt.UTC))
    return BoutFactory(
        event=evening, red_fighter=one, blue_fighter=two, winner_fighter=one, result="win", round=1, time_sec=62,
        state=BoutState.OFFICIAL, decided_at=timezone.now(), scheduled_rounds=3, sequence_no=1,
    )  # fmt: skip


def test_what_the_source_adds_to_a_followed_result_amends_nothing(snapshot, followed):
    report = load(snapshot([NIGHT], [fight(NIGHT["EVENT"], "Al One", "Bo Two", 1)]))

    followed.refresh_from_db()
    assert (report.amended_fights, report.fights.changed) == (0, 1)
    assert (followed.state, followed.amend_reason, followed.method) == (BoutState.OFFICIAL, "", "ko_tko")
    assert BoutRevision.objects.get(bout=followed).reason == ""


@pytest.mark.parametrize("values", [{"OUTCOME": "L/W"}, {"TIME": "1:03"}, {"ROUND": "2"}, {"OUTCOME": "NC/NC"}])
def test_another_result_than_the_followed_one_amends(snapshot, followed, values):
    report = load(snapshot([NIGHT], [fight(NIGHT["EVENT"], "Al One", "Bo Two", 1, **values)]))

    followed.refresh_from_db()
    assert report.amended_fights == 1
    assert (followed.state, followed.amend_reason) == (BoutState.AMENDED, "corrected by the source")


@pytest.mark.parametrize(
    "form", ["https://ufcstats.com/fighter-details/%016x", "http://www.ufcstats.com/fighter-details/%016x/"]
)
def test_another_form_of_the_address_silences_nobody(snapshot, form):
    load(snapshot())

    report = load(snapshot(fighters=[{**ONE, "FIGHTER": "Al Renamed", "DOB": "Feb 02, 1990", "URL": form % 1}, TWO]))

    fighter = Fighter.objects.get(external_ids__external_id=f"{1:016x}")
    assert (report.fighters.changed, report.fighters.unchanged) == (1, 1)
    assert (fighter.name, fighter.birth_date) == ("Al Renamed", dt.date(1990, 2, 2))
    assert fighter.external_url == form % 1


def test_who_came_from_elsewhere_first_follows_the_source_all_the_same(snapshot):
    load(snapshot())
    Fighter.objects.filter(name="Al One").update(external_url="https://sherdog.example/fighter/Al-One-77")

    report = load(snapshot(fighters=[{**ONE, "STANCE": "Southpaw"}, TWO]))

    one = Fighter.objects.get(name="Al One")
    assert (report.fighters.changed, one.stance, one.external_url) == (1, "southpaw", page("fighter", 1))


@pytest.mark.parametrize("kept", ["Al One", "Bo Two"])
def test_of_two_ids_that_were_merged_only_the_one_whose_page_the_row_has_speaks(snapshot, kept):
    load(snapshot())
    survivor, loser = sorted(Fighter.objects.all(), key=lambda one: one.name != kept)
    merge_fighters(loser.pk, survivor.pk, actor=EDITOR, reason="for the test")
    secure = [{**row, "URL": row["URL"].replace("http:", "https:"), "DOB": f"Mar 0{day}, 1990"}
              for day, row in enumerate((ONE, TWO), start=1)]  # fmt: skip

    first, second = load(snapshot(fighters=secure)), load(snapshot(fighters=secure))

    survivor.refresh_from_db()
    assert (first.fighters.changed, second.changes) == (1, 0)
    assert (survivor.name, survivor.birth_date) == (kept, dt.date(1990, 3, 1 if kept == "Al One" else 2))


def test_without_a_page_the_older_of_two_merged_ids_speaks(snapshot):
    load(snapshot())
    one, two = Fighter.objects.order_by("name")
    merge_fighters(one.pk, two.pk, actor=EDITOR, reason="for the test")
    Fighter.objects.filter(pk=two.pk).update(external_url="", version=9)

    load(snapshot())

    two.refresh_from_db()
    assert (two.name, two.external_url) == ("Al One", page("fighter", 1))
    assert load(snapshot()).changes == 0


NAME = NIGHT["EVENT"]


def doubled(**values):
    return fight(NAME, "Al One", "Bo Two", 99, **values)


@pytest.mark.parametrize("is_turned", [False, True])
def test_a_fight_under_another_address_is_not_added_again_but_told_of(snapshot, is_turned):
    load(snapshot([NIGHT], [fight(NAME, "Al One", "Bo Two", 1)]))
    again = doubled(BOUT="Bo Two vs. Al One", OUTCOME="L/W") if is_turned else doubled()

    report = load(snapshot([NIGHT], [again]))

    bout = Bout.objects.get()
    assert (report.fights.added, report.fights.refused, report.changes) == (0, 1, 0)
    (reason,) = report.reasons
    assert reason["reason"].endswith(f" #{bout.pk}")
    assert (reason["where"], reason["text"]) == (page("fight", 99), f"{NAME}: {again['BOUT']}")
    assert bout.red_fighter.record == "1-0-0"


def test_of_two_addresses_of_one_fight_in_one_file_the_first_counts(snapshot):
    report = load(snapshot([NIGHT], [fight(NAME, "Al One", "Bo Two", 1), doubled()]))

    assert (report.fights.added, report.fights.refused, Bout.objects.count()) == (1, 1, 1)


@pytest.mark.parametrize("values", [{"OUTCOME": "NC/NC"}, {"OUTCOME": "L/W"}, {"EVENT": "Night 2"}])
def test_two_bouts_of_one_pair_with_different_outcomes_or_evenings_are_two(snapshot, values):
    nights = [NIGHT, event("Night 2", 2, "August 08, 2026")]
    files = snapshot(nights, [fight(NAME, "Al One", "Bo Two", 1), doubled(**values)])

    report = load(files)

    assert (report.fights.added, report.fights.refused) == (2, 0)
    assert load(files).changes == 0


def test_a_bout_that_was_to_come_gets_its_result_under_another_address(snapshot):
    coming = snapshot([NIGHT], [])
    write(coming, tables.FIGHTS, [fight(NAME, "Al One", "Bo Two", 1)])
    assert load(coming).fights.added == 1

    report = load(snapshot([NIGHT], [doubled()]))

    bout = Bout.objects.get()
    assert (report.fights.changed, report.amended_fights, bout.state, bout.result) == (1, 0, BoutState.OFFICIAL, "win")
    assert bout.external_ids.count() == 2
