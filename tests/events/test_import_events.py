"""Where a fight belongs when its event was renamed, is missing, bears two names or shares one."""

import datetime as dt

import pytest
from django.utils.translation import gettext

from apps.events.models import Bout, Event, EventExternalId
from tests.events import snapshots
from tests.events.snapshots import event, fight, fighter, load, page
from tests.factories.events import EventFactory

pytestmark = pytest.mark.django_db

PEOPLE = [fighter(name, number) for number, name in enumerate(("Al One", "Bo Two", "Cy Three", "Di Four"), start=1)]
A, B = event("Night A", 1), event("Night B", 2, "August 08, 2026")
FIGHT_A = fight("Night A", "Al One", "Bo Two", 1)
FIGHT_B = fight("Night B", "Cy Three", "Di Four", 2)


@pytest.fixture
def snapshot(tmp_path):
    def make(events, fights):
        return snapshots.snapshot(tmp_path, events=events, fights=fights, fighters=PEOPLE)

    return make


def cards():
    return {
        one.name: [bout.red_fighter.name for bout in one.bouts.order_by("sequence_no")] for one in Event.objects.all()
    }


@pytest.mark.parametrize("is_first", [True, False])
def test_a_known_fight_stays_on_its_card_when_only_the_old_name_of_its_event_is_given(snapshot, is_first):
    load(snapshot([A, B], [FIGHT_A, FIGHT_B]))
    corrected = {**FIGHT_A, "OUTCOME": "NC/NC", "METHOD": "Overturned "}
    fights = [corrected, FIGHT_B] if is_first else [FIGHT_B, corrected]

    report = load(snapshot([{**A, "EVENT": "Noche A"}, B], fights))

    assert cards() == {"Noche A": ["Al One"], "Night B": ["Cy Three"]}
    assert (report.amended_fights, report.events_without_date, report.reasons) == (1, [], [])
    assert Bout.objects.get(event__name="Noche A").result == "no_contest"


def test_a_fight_of_an_unknown_event_may_be_the_first_of_the_file(snapshot):
    report = load(snapshot([A], [fight("Road 4", "Cy Three", "Di Four", 9), FIGHT_A]))

    assert (report.fights.added, report.events_without_date) == (2, ["Road 4"])
    assert Event.objects.get(name="Road 4").starts_at.date() == dt.date(2026, 8, 1)


def test_a_guessed_event_is_the_one_that_the_file_names_later(snapshot):
    stray = fight("UFC - Road", "Al One", "Cy Three", 7)
    load(snapshot([B], [FIGHT_B, stray]))
    guessed = Event.objects.get(name="UFC - Road")

    real = event("Road to UFC", 9, "August 12, 2026")
    files = snapshot([B, real], [FIGHT_B, {**stray, "EVENT": "Road to UFC"}])
    report = load(files)

    guessed.refresh_from_db()
    assert (guessed.name, guessed.starts_at.date(), guessed.external_url) == (
        "Road to UFC", dt.date(2026, 8, 12), page("event", 9),
    )  # fmt: skip
    assert cards() == {"Night B": ["Cy Three"], "Road to UFC": ["Al One"]}
    assert [(one["old"], one["new"]) for one in report.renamed_events] == [("UFC - Road", "Road to UFC")]
    assert (load(files).changes, Bout.objects.get(event=guessed).version) == (0, 1)


def test_fights_leave_a_guessed_event_for_one_that_is_known(snapshot):
    stray = fight("UFC - Road", "Al One", "Cy Three", 7)
    load(snapshot([A, B], [FIGHT_A, FIGHT_B, stray]))

    files = snapshot([A, B], [FIGHT_A, {**stray, "EVENT": "Night A"}, FIGHT_B])
    report = load(files)

    assert cards() == {"Night A": ["Al One", "Al One"], "Night B": ["Cy Three"], "UFC - Road": []}
    assert (report.moved_fights, report.fights.changed, report.events.added) == (1, 1, 0)
    moved = Bout.objects.get(external_ids__external_id=f"{7:016x}")
    assert (moved.sequence_no, moved.state, moved.revisions.get().new["event_id"]) == (2, "official", moved.event_id)
    assert load(files).changes == 0


def test_fights_of_an_event_with_an_address_are_not_moved(snapshot):
    load(snapshot([A, B], [FIGHT_A, FIGHT_B]))

    report = load(snapshot([A, B], [{**FIGHT_A, "EVENT": "Night B", "TIME": "1:03"}, FIGHT_B]))

    assert cards() == {"Night A": ["Al One"], "Night B": ["Cy Three"]}
    assert (report.moved_fights, report.amended_fights) == (0, 1)


def test_an_event_whose_address_changed_is_one_event_and_told_of(snapshot):
    load(snapshot([A, B], [FIGHT_A, FIGHT_B]))

    files = snapshot(
        [{**A, "URL": page("event", 10)}, B], [FIGHT_A, FIGHT_B, fight("Night A", "Cy Three", "Bo Two", 8)]
    )
    report = load(files)

    assert cards() == {"Night A": ["Al One", "Cy Three"], "Night B": ["Cy Three"]}
    assert (report.events.added, Event.objects.get(name="Night A").external_url) == (0, page("event", 10))
    assert [(one["what"], one["text"]) for one in report.reasons] == [("event", "Night A")]
    again = load(files)
    assert (again.changes, again.reasons) == (0, [])
    assert EventExternalId.objects.count() == 3


def test_the_same_name_on_another_day_or_with_both_addresses_is_another_event(snapshot):
    load(snapshot([A], [FIGHT_A]))

    load(snapshot([A, event("Night A", 10, "August 01, 2025")], []))
    assert Event.objects.count() == 2
    load(snapshot([A, event("Night A", 11)], []))
    assert Event.objects.count() == 3


def test_fights_of_a_name_that_two_events_have_are_refused(snapshot):
    load(snapshot([A], [FIGHT_A]))
    both = [A, event("Live", 20, "August 01, 2020"), event("Live", 21, "August 01, 2021")]
    fights = [{**FIGHT_A, "EVENT": "Live", "TIME": "1:03"}, fight("Live", "Cy Three", "Di Four", 31)]

    report = load(snapshot(both, fights))

    # A fight that we know is where it is.
    assert cards() == {"Night A": ["Al One"], "Live": []}
    assert (report.amended_fights, report.fights.refused, report.fights.added) == (1, 1, 0)
    (reason,) = report.reasons
    assert (reason["reason"], reason["text"]) == (gettext("two events of the file have this name"), "Live")
    assert sorted(one.starts_at.year for one in Event.objects.filter(name="Live")) == [2020, 2021]


def test_an_event_that_a_person_entered_is_no_guess(snapshot):
    EventFactory(org="UFC", name="Ours", starts_at=dt.datetime(2026, 8, 12, 20, tzinfo=dt.UTC))
    stray = fight("UFC - Road", "Al One", "Cy Three", 7)
    load(snapshot([B], [FIGHT_B, stray]))

    load(snapshot([B, event("Road to UFC", 9, "August 12, 2026")], [FIGHT_B, {**stray, "EVENT": "Road to UFC"}]))

    assert cards() == {"Night B": ["Cy Three"], "Road to UFC": ["Al One"], "Ours": []}


def test_a_broken_row_is_told_of_once_although_a_guessed_event_is_looked_for(snapshot):
    folder = snapshot([A], [FIGHT_A, fight("Road 4", "Cy Three", "Di Four", 9)])
    with (folder / "ufc_fight_results.csv").open("a") as file:
        file.write("too,few\n")
    load(folder)

    report = load(folder)

    assert (report.fights.refused, len(report.reasons), report.changes) == (1, 1, 0)
