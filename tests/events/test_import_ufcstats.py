"""ufcstats with every quirk: a small set of our own making everywhere, the real one where it is at hand."""

import datetime as dt
import io
import zipfile
from pathlib import Path

import orjson
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.audit.testing import recorded
from apps.core.actor import Actor, ActorKind
from apps.core.errors import Invalid
from apps.events.clients.ufcstats import dataset as datasets
from apps.events.clients.ufcstats import judges_of, open_dataset, weight_class_of
from apps.events.models import Bout, BoutExternalId, BoutRevision, Event
from apps.events.services.ufcstats import import_ufcstats
from apps.fighters.models import Fighter, ImportRun, RefusedChange, UnmatchedName
from apps.fighters.services import add_alias, edit_fighter, provenance
from tests.factories.events import BoutFactory, EventFactory
from tests.factories.fighters import FighterFactory

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "ufcstats"
REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "mma_ufcstats"
IMPORTER = Actor.command("import_ufcstats")
EDITOR = Actor(ActorKind.USER, "7", "editor")
WRITES = ("INSERT", "UPDATE", "DELETE", "COPY")

pytestmark = pytest.mark.django_db


def load(name, **options):
    with open_dataset(FIXTURES / name if isinstance(name, str) else name) as dataset:
        return import_ufcstats(dataset, actor=IMPORTER, **options)


def counts(report, kind):
    found = getattr(report, kind)
    return found.added, found.changed, found.unchanged, found.refused


def bout(red, blue, event=None):
    rows = Bout.objects.filter(red_fighter__name=red, blue_fighter__name=blue)
    return rows.get(event__name__contains=event) if event else rows.get()


def test_everything_comes_in_once():
    report = load("old")

    assert counts(report, "fighters") == (28, 0, 0, 0)
    assert counts(report, "events") == (8, 0, 0, 0)
    assert counts(report, "fights") == (35, 0, 0, 0)
    assert Bout.objects.count() == BoutExternalId.objects.count() == 35
    assert report.unknown_names == {"Walter Cruz Vega": 1, "Zach Rhodes": 1, "YiMin Park": 1}
    assert report.ambiguous_names == {}
    assert Event.objects.get(name="Título 9: Moreau vs. Lang").venue == "São Paulo, Brazil"


def test_the_same_again_writes_nothing():
    load("old")
    with CaptureQueriesContext(connection) as queries:
        report = load("old")

    assert report.changes == 0
    assert counts(report, "fights") == (0, 0, 35, 0)
    assert [query["sql"] for query in queries if query["sql"].lstrip().upper().startswith(WRITES)] == []


def test_an_event_that_was_to_come_is_over_once_its_day_has_passed():
    load("old")
    Event.objects.update(status="scheduled")
    by_hand, *others = Event.objects.order_by("pk")
    Event.objects.filter(pk=by_hand.pk).update(is_manual=True)

    report = load("old")

    assert counts(report, "events") == (0, len(others), 1, 0)
    assert set(Event.objects.exclude(pk=by_hand.pk).values_list("status", "version")) == {("completed", 2)}
    assert Event.objects.get(pk=by_hand.pk).status == "scheduled"
    assert load("old").changes == 0


def test_a_newer_snapshot_adds_and_renames_and_then_changes_nothing():
    load("old")
    report = load("new")

    assert counts(report, "fights") == (4, 0, 35, 0)
    assert [(item["old"], item["new"]) for item in report.renamed_events] == [
        ("Fight Night: Lindqvist vs. Sato", "Noche: Lindqvist vs. Sato")
    ]
    assert report.repeated_rows == 5
    assert report.events_without_date == ["Road 4.6"]
    assert Event.objects.count() == 10
    assert Event.objects.get(name="Road 4.6").starts_at.date() == dt.date(2026, 2, 7)
    assert Fighter.objects.filter(name="Only Tott").exists()
    again = load("new")
    assert again.changes == 0
    assert (Event.objects.count(), Bout.objects.count()) == (10, 39)


def test_a_late_fight_of_an_old_event_takes_the_next_place():
    load("old")
    load("new")

    late = bout("Victor Lang", "Sam O'Dell")
    assert (late.event.name, late.sequence_no) == ("Title Night 7", 6)


def test_the_unknown_event_gets_its_page_when_the_file_has_it(tmp_path):
    load("new")
    for file in (FIXTURES / "new").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    events = tmp_path / "ufc_event_details.csv"
    events.write_text(
        events.read_text() + 'Road 4.6,http://ufcstats.com/event-details/aaaaaaaaaaaaaaaa,"August 22, 2025",Shanghai\n'
    )
    report = load(tmp_path)

    event = Event.objects.get(name="Road 4.6")
    assert (event.starts_at.date(), event.venue) == (dt.date(2025, 8, 22), "Shanghai")
    assert (report.events.added, Event.objects.count()) == (0, 10)


@pytest.mark.parametrize("url", ["javascript:alert(1)//event-details/", "//ufcstats.com/", "http://a b/"])
def test_a_row_whose_address_is_none_of_the_web_is_left_out(tmp_path, url):
    for file in (FIXTURES / "new").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    events = tmp_path / "ufc_event_details.csv"
    events.write_text(events.read_text() + f'Road 4.6,{url}aaaaaaaaaaaaaaaa,"August 22, 2025",Shanghai\n')

    load(tmp_path)

    assert Event.objects.exclude(external_url="").exclude(external_url__startswith="http").count() == 0
    assert not Event.objects.filter(external_url__contains="aaaaaaaaaaaaaaaa").exists()


def test_two_people_of_one_name_are_told_apart():
    load("old")

    def fights(name, born):
        fighter = Fighter.objects.get(name=name, birth_date__year=born)
        return sorted(
            {row.weight_class for row in [*fighter.bouts_in_red.all(), *fighter.bouts_in_blue.all()]}
        ), fighter.record

    assert fights("Bruno Costa", 1990) == (["Bantamweight", "Flyweight"], "1-2-0")
    assert fights("Bruno Costa", 1989) == (["Middleweight"], "1-1-0")
    assert fights("Jean Moreau", 1996) == (["Featherweight", "Lightweight"], "3-0-0")
    assert fights("Jean Moreau", 1957) == ([], "")
    assert fights("Mick Dale", 1992) == (["Lightweight"], "2-1-0")


def test_one_event_and_two_names_may_be_two_fights():
    load("old")
    fights = Bout.objects.filter(event__name="Ultimate Osaka", red_fighter__name="Koji Ishida")

    assert sorted(fights.values_list("result", "method", "title_kind")) == [
        ("no_contest", "overturned", ""),
        ("win", "submission", "tournament"),
    ]


def test_a_fight_in_full():
    load("old")
    fight = bout("Anna Lindqvist", "Mei Sato")

    assert (fight.weight_class, fight.title_kind, fight.scheduled_rounds) == ("Women's Strawweight", "interim", 5)
    assert (fight.state, fight.result, fight.method, fight.round, fight.time_sec) == (
        "official", "win", "decision_unanimous", 5, 300,
    )  # fmt: skip
    assert fight.winner_fighter == fight.red_fighter
    assert fight.scores[1] == {"judge": "Raj D'Silva", "red": 49, "blue": 46}
    won_by_blue = bout("Mick Dale", "Lucas Ferreira")
    assert [(one["red"], one["blue"]) for one in won_by_blue.scores] == [(28, 29), (29, 28), (27, 30)]
    draw = bout("Tashi", "Sam O'Dell")
    assert (draw.result, draw.winner_fighter, draw.method, draw.weight_class) == (
        "draw", None, "decision_majority", "Catchweight",
    )  # fmt: skip
    assert bout("Marcos Prado", "Koji Ishida").time_sec == 1080


def test_measures_are_whole_units_and_unknown_is_unknown():
    load("old")
    anna, gert = Fighter.objects.get(name="Anna Lindqvist"), Fighter.objects.get(name="Gert Maas")

    assert (anna.height_mm, anna.reach_mm, anna.weight_g, anna.stance) == (1651, 1651, 52163, "orthodox")
    assert (anna.birth_date, anna.nickname) == (dt.date(1994, 3, 2), "The Needle")
    assert (gert.reach_mm, gert.birth_date, gert.stance, gert.weight_g) == (None, None, "", 195045)


def test_records_are_counted_from_bouts():
    load("old")

    assert Fighter.objects.get(name="Anna Lindqvist").record == "2-0-0"
    assert Fighter.objects.get(name="Kai Tanaka").record == "1-0-0, 1NC"
    assert Fighter.objects.get(name="Sam O'Dell").record == "2-1-1"
    assert Fighter.objects.get(name="Anna Lindqvist").weight_class == "Women's Strawweight"
    assert Fighter.objects.get(name="Tashi").last_bout_on == dt.date(2025, 4, 12)


def test_unmatched_names_wait_for_a_person_and_nobody_is_guessed():
    load("old")
    question = UnmatchedName.objects.get(name="Zach Rhodes")

    assert (question.status, question.cause, question.mentions) == ("open", "unknown", 1)
    assert question.examples[0]["against"] == "Emil Sorensen"
    assert question.fighter.is_unconfirmed
    assert Fighter.objects.get(name="Zachary Rhodes").record == ""
    assert question.fighter.record == "1-0-0"


def test_a_confirmed_spelling_brings_the_bout_to_its_fighter():
    load("old")
    fighter = Fighter.objects.get(name="Zachary Rhodes")
    add_alias(fighter.pk, "Zach Rhodes", actor=EDITOR)

    report = load("old")

    fighter.refresh_from_db()
    assert (counts(report, "fights")[1], fighter.record) == (1, "1-0-0")
    assert bout("Zachary Rhodes", "Emil Sorensen").winner_fighter == fighter
    assert load("old").changes == 0


def test_a_corrected_result_is_amended_with_both_records_and_the_old_value_kept():
    load("old")
    report = load("corrected")

    fight = bout("Jean Moreau", "Victor Lang")
    assert report.amended_fights == 2
    assert (fight.state, fight.result, fight.winner_fighter, fight.version) == ("amended", "no_contest", None, 2)
    revision = BoutRevision.objects.get(bout=fight)
    assert (revision.old["result"], revision.new["result"], revision.source) == ("win", "no_contest", "ufcstats")
    assert fight.red_fighter.record == "2-0-0, 1NC"
    assert fight.blue_fighter.record == "1-1-0, 1NC"
    small = Fighter.objects.get(name="Bruno Costa", birth_date__year=1990)
    assert small.record == "2-1-0"
    events = [event for event in recorded() if event["resource_type"] == "bout"]
    assert [event["action"] for event in events] == ["updated", "updated"]
    assert load("corrected").changes == 0


def test_rows_that_cannot_be_used_are_reported_and_the_rest_goes_on():
    report = load("corrected")

    assert report.fights.added == 35
    assert report.fights.refused == 4
    reasons = " ".join(f"{item['where']} {item['reason']}" for item in report.reasons)
    for text in ("W/W", "ufc_fight_results.csv:"):
        assert text in reasons
    assert len(report.reasons) == 4


def test_a_persons_edits_stand_and_the_refused_values_are_listed():
    load("old")
    fighter = Fighter.objects.get(name="Mei Sato")
    edit_fighter(fighter.pk, actor=EDITOR, name="Sato Mei", height_mm=1610)
    event = Event.objects.get(name__contains="Lindqvist vs. Sato")
    provenance.lock(event, ["name"], by="editor")
    event.save()

    report = load("new")

    fighter.refresh_from_db()
    event.refresh_from_db()
    assert (fighter.name, fighter.height_mm, event.name) == ("Sato Mei", 1610, "Fight Night: Lindqvist vs. Sato")
    assert sorted(RefusedChange.objects.values_list("resource_type", "field")) == [
        ("event", "name"),
        ("fighter", "height_mm"),
        ("fighter", "name"),
    ]
    assert (report.fighters.refused, report.events.refused) == (2, 1)
    assert (load("new").changes, RefusedChange.objects.count()) == (0, 3)


def test_a_bout_run_by_hand_is_left_alone():
    load("old")
    fight = bout("Jean Moreau", "Victor Lang")
    Bout.objects.filter(pk=fight.pk).update(is_manual=True)

    load("corrected")

    fight.refresh_from_db()
    assert (fight.result, fight.state) == ("win", "official")
    assert RefusedChange.objects.filter(resource_type="bout", resource_id=fight.pk, reason="locked").count() >= 2


def test_an_event_that_a_live_feed_brought_is_the_same_event_with_its_bouts():
    load_people = load("old")
    assert load_people.fights.added == 35
    ferreira = Fighter.objects.get(name="Lucas Ferreira")
    reyes = FighterFactory(name="Tomas Reyes")
    event = EventFactory(org="UFC", name="UFC Belgrade", starts_at=dt.datetime(2026, 2, 7, 18, tzinfo=dt.UTC))
    live = BoutFactory(event=event, red_fighter=reyes, blue_fighter=ferreira, sequence_no=1)

    load("new")

    event.refresh_from_db()
    live.refresh_from_db()
    assert event.name == "Fight Night: Ferreira vs. Reyes"
    assert event.starts_at.hour == 18
    assert Event.objects.count() == 10
    assert event.bouts.count() >= 2


def test_a_dry_run_reports_the_truth_and_leaves_nothing():
    report = load("old", is_dry_run=True)

    assert (report.fights.added, report.is_dry_run) == (35, True)
    assert (Fighter.objects.count(), Event.objects.count(), Bout.objects.count()) == (0, 0, 0)
    assert UnmatchedName.objects.count() == 0


def test_an_import_that_was_cut_off_goes_on(monkeypatch):
    from apps.events.services.ufcstats import fights

    def fail(*_arguments):
        raise RuntimeError("cut off")

    with monkeypatch.context() as patch:
        patch.setattr(fights.FightImport, "_add", fail)
        with pytest.raises(RuntimeError):
            load("old")
    assert (Fighter.objects.count() >= 28, Bout.objects.count()) == (True, 0)

    report = load("old")

    assert counts(report, "fights") == (35, 0, 0, 0)
    assert report.fighters.unchanged == 28


def test_a_zip_with_a_folder_is_read(tmp_path):
    path = tmp_path / "snapshot.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in (FIXTURES / "old").iterdir():
            archive.write(file, f"snapshot/{file.name}")

    assert load(path).fights.added == 35


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04broken"])
def test_what_is_no_archive_is_refused(tmp_path, content):
    path = tmp_path / "file.zip"
    path.write_bytes(content)

    with pytest.raises(Invalid), open_dataset(path):
        pass


def test_a_folder_without_tables_and_a_table_without_columns_are_refused(tmp_path):
    with pytest.raises(Invalid), open_dataset(tmp_path):
        pass
    (tmp_path / "ufc_event_details.csv").write_text("EVENT,URL\nA,B\n")
    with pytest.raises(Invalid, match="DATE"):
        load(tmp_path)
    assert Event.objects.count() == 0


def test_an_archive_that_unpacks_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "MOST_BYTES", 1_000)
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ufc_event_details.csv", "EVENT,URL,DATE,LOCATION\n" + "a,b,c,d\n" * 100_000)

    with open_dataset(path) as dataset:
        object.__setattr__(dataset, "_left", 1_000)
        with pytest.raises(Invalid):
            list(dataset.events())


def test_the_command_reports_and_leaves_one_run_and_one_audit_event():
    out = io.StringIO()
    call_command("import_ufcstats", str(FIXTURES / "old"), stdout=out)

    report = orjson.loads(out.getvalue())
    run = ImportRun.objects.get()
    assert (report["fights"]["added"], run.status, run.report["changes"]) == (35, "succeeded", report["changes"])
    assert [event["action"] for event in recorded() if event["resource_type"] == "import"] == ["imported"]
    with pytest.raises(CommandError):
        call_command("import_ufcstats", "/nowhere/at/all")
    with pytest.raises(CommandError):
        call_command("import_ufcstats", str(FIXTURES))
    assert ImportRun.objects.order_by("-id")[0].status == "failed"


def test_words_of_the_source():
    assert weight_class_of("UFC Interim Women's Strawweight Title Bout") == "Women's Strawweight"
    assert weight_class_of("Ultimate Fighter 7 Light Heavyweight Tournament Title Bout") == "Light Heavyweight"
    assert weight_class_of("Open Weight Bout") == "Open Weight"
    assert weight_class_of("UFC 2 Tournament Title Bout") == ""


@pytest.mark.parametrize(
    ("details", "outcome", "remark", "scores"),
    [
        ("Ann Bell 28 - 29.Raj D'Silva 29 - 28.J. P. Roy 27 - 30.", "red", "",
         [("Ann Bell", 29, 28), ("Raj D'Silva", 28, 29), ("J. P. Roy", 30, 27)]),
        ("Ann Bell 28 - 29.", "blue", "", [("Ann Bell", 28, 29)]),
        ("28 - 29.29 - 28.Bo Tran27 - 30.", "blue", "", [("", 28, 29), ("", 29, 28), ("Bo Tran", 27, 30)]),
        ("Technical Decision - Eye Poke by RossAnn Bell 27 - 28.", "blue", "Technical Decision - Eye Poke by Ross",
         [("Ann Bell", 27, 28)]),
        ("Technical Decision Ann Bell 27 - 28.", "blue", "Technical Decision", [("Ann Bell", 27, 28)]),
        ("Point Deducted: Headbutt by Ross26 - 29.", "blue", "Point Deducted: Headbutt by Ross", [("", 26, 29)]),
        ("Ann Bell 28 - 28.Bo Tran 29 - 29.", "draw", "", [("Ann Bell", 28, 28), ("Bo Tran", 29, 29)]),
        ("Ann Bell 28 - 28.Bo Tran 29 - 28.", "draw", "Ann Bell 28 - 28.Bo Tran 29 - 28.", []),
        ("Failed Drug Test by RossAnn Bell 27 - 30.", "no_contest", "Failed Drug Test by RossAnn Bell 27 - 30.", []),
        ("Punches to Head At Distance", "red", "Punches to Head At Distance", []),
        ("", "red", "", []),
    ],
)  # fmt: skip
def test_judges_totals_stand_with_the_loser_first(details, outcome, remark, scores):
    told, judges = judges_of(details, outcome)

    assert (told, [(one.judge, one.red, one.blue) for one in judges]) == (remark, scores)


@pytest.mark.skipif(not REAL.is_dir(), reason="the real data set is not beside this checkout")
def test_the_whole_of_ufcstats_old_new_and_new_again():
    old = load(REAL / "snapshot_2025-11-22")
    new = load(REAL)
    again = load(REAL)

    assert (old.fights.added, new.fights.added, again.changes) == (8_454, 356, 0)
    assert len(new.renamed_events) == 2
    assert (Bout.objects.count(), new.repeated_rows) == (8_810, 25)
    assert Fighter.objects.filter(is_unconfirmed=False).count() == 4_582
    assert (len(new.unknown_names), sum(new.unknown_names.values()), new.ambiguous_names) == (15, 43, {})
    assert new.seconds + old.seconds < 120
    silva = Fighter.objects.get(name="Jean Silva", birth_date__year=1996)
    assert silva.wins + silva.losses == 7
    assert Fighter.objects.get(name="Jean Silva", birth_date__year=1977).record == ""
