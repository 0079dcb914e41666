"""Other spellings and weekly rankings from files, with the real lists where they are at hand."""

import datetime as dt
import gzip
import io
from pathlib import Path

import orjson
import pytest
from django.core.management import CommandError, call_command

from apps.core.actor import Actor, ActorKind
from apps.core.errors import Invalid
from apps.fighters.clients import name_lists
from apps.fighters.clients.name_lists import places, spellings
from apps.fighters.models import Fighter, FighterAlias, ImportRun, Ranking, UnmatchedName
from apps.fighters.services.list_imports import request_list_import
from apps.fighters.services.rankings import import_rankings
from apps.fighters.services.spellings import import_spellings
from apps.fighters.task_names import IMPORT_LIST
from apps.fighters.tasks import import_list
from apps.taskhub.testing import queued
from tests.factories.fighters import FighterFactory

EDITOR = Actor(ActorKind.USER, "7", "editor")
REAL = Path(__file__).resolve().parents[3] / "shared" / "data"

pytestmark = pytest.mark.django_db


def written(tmp_path, text, name="list.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


ALIASES = """Last Name,Fighter,Alternate1,Alternate2
Cyborg,Cris Cyborg,Cristiane Justino,Cristiane Santos
Souza,Ronaldo Souza,Jacare Souza,
Nobody,Jane Nobody,J. Nobody,
Silva,Bruno Silva,B. Silva,
"""


def test_spellings_go_to_whom_one_of_them_names(tmp_path):
    justino, souza = FighterFactory(name="Cristiane Justino"), FighterFactory(name="Jacare Souza")
    FighterFactory(name="Bruno Silva")
    FighterFactory(name="Bruno Silva")
    path = written(tmp_path, ALIASES)

    report = import_spellings(spellings(path), source="standard")

    assert (report["added"], report["refused"]) == (2, 2)
    assert [hit.id for hit in Fighter.objects.search("cris cyborg")] == [justino.pk]
    assert [hit.id for hit in Fighter.objects.search("ronaldo")] == [souza.pk]
    again = import_spellings(spellings(path), source="standard")
    assert (again["changes"], again["unchanged"], FighterAlias.objects.count()) == (0, 2, 3)


def test_a_spelling_that_another_row_gives_tells_whom_a_row_means(tmp_path):
    fighter = FighterFactory(name="Cristiane Justino")
    text = "Fighter,Alternate1\nCris Cyborg,Cyborg Justino\nCyborg Justino,Cristiane Justino\n"
    path = written(tmp_path, text)

    report = import_spellings(spellings(path), source="standard")

    assert (report["added"], report["refused"]) == (2, 0)
    assert set(fighter.aliases.values_list("name", flat=True)) == {"Cris Cyborg", "Cyborg Justino"}
    assert import_spellings(spellings(path), source="standard")["changes"] == 0


def test_rows_that_can_not_be_read_are_told(tmp_path):
    FighterFactory(name="Jon Jones")
    ranks = "date,weightclass,fighter,rank\n2026-01-05,LHW,Jon Jones,0\nsoon,LHW,Jon Jones,1\n2026-01-05,LHW,,2\nx\n"
    report = import_rankings(places(written(tmp_path, ranks)), source="ufc")

    assert (report["rows"], report["added"], report["refused"]) == (4, 1, 3)
    assert [item["where"] for item in report["reasons"]] == ["3", "4", "5"]
    names = import_spellings(spellings(written(tmp_path, "Fighter,Alternate1\nJon Jones\n")), source="s")
    assert (names["refused"], names["reasons"][0]["where"]) == (1, "2")


def test_a_line_without_end_is_read_no_further_than_a_file_may_be(tmp_path, monkeypatch):
    monkeypatch.setattr(name_lists, "MOST_BYTES", 50_000)
    with pytest.raises(Invalid):
        list(places(written(tmp_path, "date,weightclass,fighter,rank\n" + "x," * 60_000)))


@pytest.mark.parametrize(("kind", "text", "added"), [("aliases", ALIASES, 1), ("rankings", None, 1)])
def test_an_uploaded_list_is_carried_out_by_its_task(kind, text, added):
    FighterFactory(name="Cristiane Justino")
    text = text or "date,weightclass,fighter,rank\n2026-01-05,BW,Cristiane Justino,0\n"

    dry = request_list_import(ImportRun.Kind(kind), [text.encode()], file_name="l.csv", actor=EDITOR)
    assert queued(IMPORT_LIST) == [(IMPORT_LIST, {"run_id": dry.pk})]
    assert import_list(run_id=dry.pk)["status"] == "succeeded"
    dry.refresh_from_db()
    assert (dry.status, dry.report["added"], dry.is_dry_run) == ("succeeded", added, True)
    assert FighterAlias.objects.count() == Ranking.objects.count() == 0

    real = request_list_import(ImportRun.Kind(kind), [text.encode()], file_name="l.csv", actor=EDITOR, is_dry_run=False)
    assert import_list(run_id=real.pk)["changes"] > 0
    assert FighterAlias.objects.count() + Ranking.objects.count() > 0
    assert "skipped" in import_list(run_id=real.pk)


def test_an_uploaded_list_of_another_form_ends_its_run(tmp_path):
    run = request_list_import(ImportRun.Kind.RANKINGS, [gzip.compress(b"EVENT,URL\n")], file_name="e.gz", actor=EDITOR)

    assert import_list(run_id=run.pk)["status"] == "failed"
    run.refresh_from_db()
    assert (run.status, "DATE" in run.error) == ("failed", True)


def test_a_dry_run_of_spellings_writes_nothing(tmp_path):
    FighterFactory(name="Cristiane Justino")

    assert import_spellings(spellings(written(tmp_path, ALIASES)), source="s", is_dry_run=True)["added"] == 1
    assert FighterAlias.objects.count() == 0


RANKS = """date,weightclass,fighter,rank
2026-01-06,Lightweight,Ann A,0
2026-01-06,Lightweight,Bob B,1
2026-01-06,Lightweight,Cid C,2
2026-01-06,Pound-for-Pound,Ann A,1
2026-01-13,Lightweight,Ann A,0
2026-01-13,Lightweight,Cid C,1
2026-01-13,Lightweight,Cid C,1
2026-01-13,Lightweight,NA,2
2026-01-13,Lightweight,Dan Unknown,3
2026-01-13,Pound-for-Pound,Ann A,1
2026-01-20,Lightweight,Bob B,0
2026-01-20,Lightweight,Ann A,1
bad-date,Lightweight,Ann A,1
"""


@pytest.fixture
def people():
    return {name: FighterFactory(name=name) for name in ("Ann A", "Bob B", "Cid C")}


def test_weekly_lists_become_spells(tmp_path, people):
    report = import_rankings(places(written(tmp_path, RANKS)), source="ufc")

    spells = sorted(
        Ranking.objects.filter(division="Lightweight").values_list("fighter__name", "place", "valid_from", "valid_to")
    )
    one, two, three = dt.date(2026, 1, 6), dt.date(2026, 1, 13), dt.date(2026, 1, 20)
    assert spells == [
        ("Ann A", 0, one, three),
        ("Ann A", 1, three, None),
        ("Bob B", 0, three, None),
        ("Bob B", 1, one, two),
        ("Cid C", 1, two, three),
        ("Cid C", 2, one, two),
    ]
    assert list(
        Ranking.objects.on(two).filter(division="Lightweight", place=1).values_list("fighter__name", flat=True)
    ) == ["Cid C"]
    assert dict(Fighter.objects.values_list("name", "best_rank")) == {"Ann A": 1, "Bob B": 0, "Cid C": None}
    assert report["unknown_names"] == {"Dan Unknown": 1}
    assert UnmatchedName.objects.get().fighter is None


def test_the_same_lists_again_write_nothing_and_a_later_file_goes_on(tmp_path, people):
    path = written(tmp_path, RANKS)
    import_rankings(places(path), source="ufc")
    again = import_rankings(places(path), source="ufc")
    assert (again["changes"], again["new_questions"], again["ranks_changed"]) == (0, 0, 0)

    later = written(tmp_path, "date,weightclass,fighter,rank\n2026-01-27,Lightweight,Ann A,1\n", "later.csv")
    report = import_rankings(places(later), source="ufc")

    assert (report["added"], report["changed"]) == (0, 1)
    assert Ranking.objects.get(fighter__name="Bob B", place=0).valid_to == dt.date(2026, 1, 27)
    assert Ranking.objects.get(fighter__name="Ann A", place=1, division="Lightweight").valid_from == dt.date(
        2026, 1, 20
    )


def test_what_is_no_list_is_refused(tmp_path):
    with pytest.raises(Invalid):
        list(places(written(tmp_path, "a,b\n1,2\n")))
    broken = tmp_path / "x.csv.gz"
    broken.write_bytes(gzip.compress(RANKS.encode())[:40])
    with pytest.raises(Invalid):
        list(places(broken))


def test_the_commands_report_and_leave_their_runs(tmp_path, people):
    out = io.StringIO()
    call_command("import_rankings", str(written(tmp_path, RANKS)), stdout=out)
    assert orjson.loads(out.getvalue())["added"] == 7
    call_command("import_aliases", str(written(tmp_path, ALIASES)), stdout=io.StringIO())
    with pytest.raises(CommandError):
        call_command("import_aliases", str(written(tmp_path, "x,y\n")), stdout=io.StringIO())
    with pytest.raises(CommandError):
        call_command("import_rankings", "/nowhere.csv")

    assert list(ImportRun.objects.order_by("id").values_list("kind", "status")) == [
        ("rankings", "succeeded"), ("aliases", "succeeded"), ("aliases", "failed"),
    ]  # fmt: skip


@pytest.mark.skipif(not REAL.is_dir(), reason="the real lists are not beside this checkout")
def test_fourteen_years_of_rankings_twice():
    path = REAL / "mma_rankings" / "rankings_history.csv.gz"
    for name in {row.name for row in places(path)} - {"NA", "Cris Cyborg"}:
        FighterFactory(name=name)

    report = import_rankings(places(path), source="ufc")
    again = import_rankings(places(path), source="ufc")

    assert (report["rows"], list(report["unknown_names"])) == (96_521, ["Cris Cyborg"])
    assert 3_000 < report["added"] < 30_000
    assert (again["changes"], again["ranks_changed"]) == (0, 0)
    assert Ranking.objects.current().filter(division="Women's Featherweight").count() == 0
