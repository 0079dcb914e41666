"""The identity desk and the import page: seen, decided, refused; uploads carried out by the task."""

import io
import zipfile
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from apps.audit.testing import recorded
from apps.core.actor import Actor
from apps.core.errors import BodyTooLarge
from apps.events.clients.ufcstats import open_dataset
from apps.events.models import Bout
from apps.events.services import suggestions
from apps.events.services.imports import request_import, run_import
from apps.events.services.suggestions import candidates_for, suggested_pairs
from apps.events.task_names import IMPORT_FILES
from apps.fighters.models import Fighter, FighterMerge, ImportFilePart, ImportRun, UnmatchedName
from apps.fighters.services import imports, write_keys
from apps.taskhub.testing import queued, run_queued
from tests.factories.events import BoutFactory, EventFactory
from tests.factories.fighters import FighterFactory, ImportRunFactory, UnmatchedNameFactory
from tests.factories.users import UserFactory

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "ufcstats"
DESK = "/admin/fighters/unmatchedname/desk/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def editor(client):
    client.force_login(UserFactory(role="editor"))
    return client


def person(name, **fields):
    fighter = FighterFactory(name=name, name_zh="", **fields)
    write_keys([fighter.pk])
    return fighter


@pytest.fixture
def open_name():
    reese = person("Zachary Reese", weight_class="Middleweight")
    question = UnmatchedNameFactory(
        name="Zach Reese",
        examples=[{"where": "UFC 300", "on": "2024-04-13", "weight_class": "Middleweight", "against": "X"}],
    )
    BoutFactory(red_fighter=question.fighter)
    return question, reese


def test_candidates_come_with_evidence_and_nobody_is_taken(open_name):
    question, reese = open_name
    person("Zoe Other")

    found = candidates_for(question)

    assert [one.hit.id for one in found] == [reese.pk]
    assert [item.tone for item in found[0].evidence][:2] == ["neutral", "success"]
    question.refresh_from_db()
    assert question.is_open


def test_a_name_that_only_sounds_like_others_costs_no_more_statements_than_allowed(
    editor, open_name, django_assert_max_num_queries
):
    question, _reese = open_name
    question.name = "Zoch Ruse"
    question.save(update_fields=["name"])
    for number in range(30):
        person(f"Zecharias{number} Rossi{number}")
        person(f"Jaca{number} Rusenko{number}")

    with django_assert_max_num_queries(24):
        assert editor.get(DESK).status_code == 200


def test_any_word_of_a_name_brings_candidates(open_name):
    question, reese = open_name
    question.name = "Zach Zebulon Longsurname"

    assert [one.hit.id for one in candidates_for(question)] == [reese.pk]


def test_who_fought_on_the_same_card_is_spoken_against(open_name):
    question, reese = open_name
    BoutFactory(event=Bout.objects.get().event, red_fighter=reese)

    assert candidates_for(question)[0].speaks_against


def test_the_desk_shows_and_decides(editor, open_name):
    question, reese = open_name

    shown = editor.get(DESK).content.decode()
    assert "Zach Reese" in shown
    assert "Zachary Reese" in shown
    sent = {"deed": "match", "question": question.pk, "version": question.version, "fighter": reese.pk, "next": ""}
    answer = editor.post(DESK, sent)

    assert answer.status_code == 302
    assert UnmatchedName.objects.get().status == "matched"
    assert Bout.objects.get().red_fighter == reese
    merge = FighterMerge.objects.get()
    editor.post(DESK, {"deed": "undo", "merge": merge.pk})
    assert UnmatchedName.objects.get().status == "open"


def test_a_stale_answer_is_refused_with_a_sentence(editor, open_name):
    question, reese = open_name
    sent = {"deed": "match", "question": question.pk, "version": 9, "fighter": reese.pk}

    answer = editor.post(DESK, sent, follow=True)

    assert answer.status_code == 200
    assert UnmatchedName.objects.get().is_open


@pytest.mark.parametrize("sent", [{"deed": "match"}, {"deed": "new", "question": "x"}, {"deed": "burn"}, {}])
def test_nonsense_changes_nothing(editor, open_name, sent):
    assert editor.post(DESK, sent).status_code == 302
    assert UnmatchedName.objects.get().is_open


def test_new_and_nobody(editor, open_name):
    question, _reese = open_name
    nobody = UnmatchedNameFactory(name="NA", fighter=None)

    editor.post(DESK, {"deed": "new", "question": question.pk, "version": question.version})
    editor.post(DESK, {"deed": "nobody", "question": nobody.pk, "version": nobody.version})

    assert dict(UnmatchedName.objects.values_list("name", "status")) == {"Zach Reese": "new", "NA": "dismissed"}


def test_who_may_only_look_decides_nothing(client, open_name):
    question, _reese = open_name
    client.force_login(UserFactory(role="auditor"))

    assert client.get(DESK).status_code == 200
    assert client.post(DESK, {"deed": "new", "question": question.pk, "version": 1}).status_code == 403
    assert UnmatchedName.objects.get().is_open


def test_like_names_are_suggested_until_somebody_tells_them_apart(editor):
    one, other = person("Zhang Weili"), person("Weili Zhang")
    person("Somebody Else")

    (pair,) = suggested_pairs().pairs
    assert {pair.kept.pk, pair.other.pk} == {one.pk, other.pk}
    assert "Weili Zhang" in editor.get(DESK, {"tab": "pairs"}).content.decode()
    editor.post(DESK, {"deed": "apart", "tab": "pairs", "kept": one.pk, "other": other.pk})

    assert (suggested_pairs().pairs, suggested_pairs().total) == ([], 0)


def test_two_of_one_name_with_other_birthdays_come_last(editor):
    import datetime as dt

    person("Bruno Silva", birth_date=dt.date(1990, 1, 1))
    person("Bruno Silva", birth_date=dt.date(1989, 1, 1))
    person("Aaa Bbb")
    person("Bbb Aaa")

    assert [pair.speaks_against for pair in suggested_pairs().pairs] == [False, True]


def dialog(client, address, **sent):
    answer = client.post(address, {"_form_submitted": "on", **sent}, headers={"HX-Request": "true"})
    assert "HX-Redirect" in answer.headers, answer.content.decode()


def test_a_merge_by_dialog_and_its_undoing(editor):
    kept, other = person("Zhang Weili"), person("Weili Zhang")

    dialog(editor, reverse("admin:fighters_fightermerge_merge"), loser=other.pk, survivor=kept.pk, reason="one")
    merge = FighterMerge.objects.get()
    dialog(editor, reverse("admin:fighters_fightermerge_undo", args=[merge.pk]))

    merge.refresh_from_db()
    assert merge.is_undone


def test_a_split_by_dialog(editor):
    fighter = person("Zhang Weili")
    bout = BoutFactory(red_fighter=fighter, event=EventFactory())

    sent = {"fighter": fighter.pk, "bouts": f"{bout.pk}", "name": "Zhang Weili (II)", "reason": "two"}
    dialog(editor, reverse("admin:fighters_fightermerge_split"), **sent)

    bout.refresh_from_db()
    assert bout.red_fighter.name == "Zhang Weili (II)"


def test_suggested_merges_come_page_by_page_and_say_how_many_there_are(editor, monkeypatch):
    for number in range(25):
        both = [FighterFactory(name=f"Person {chr(97 + number)}x"), FighterFactory(name=f"{chr(97 + number)}x Person")]
        write_keys([one.pk for one in both])

    first, second = suggested_pairs(), suggested_pairs(2)
    assert (len(first.pairs), len(second.pairs), first.total, first.pages, first.is_all) == (20, 5, 25, 2, True)
    assert not {pair.kept.pk for pair in first.pairs} & {pair.kept.pk for pair in second.pairs}
    assert suggested_pairs(99).number == 2

    shown = editor.get(DESK, {"tab": "pairs", "page": "2"}).content.decode()
    assert "25" in shown
    assert "?tab=pairs&amp;page=1" in shown or "?tab=pairs&page=1" in shown
    pair = second.pairs[0]
    sent = {"deed": "apart", "tab": "pairs", "page": "2", "kept": pair.kept.pk, "other": pair.other.pk}
    assert editor.post(DESK, sent).headers["Location"].endswith("?tab=pairs&page=2")
    for text in ("x", "-1", "9" * 30, "0"):
        assert editor.get(DESK, {"tab": "pairs", "page": text}).status_code == 200

    monkeypatch.setattr(suggestions, "MOST_NAMES", 4)
    assert not suggested_pairs().is_all


def test_of_many_open_names_the_desk_says_how_many_it_shows(editor, monkeypatch):
    UnmatchedNameFactory.create_batch(3)
    monkeypatch.setattr("apps.events.admin.identity.MOST_NAMES", 2)

    assert "显示 2 个姓名，共 3 个" in editor.get(DESK).content.decode()


# --- imports -------------------------------------------------------------------------------------------------------
def archive():
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as made:
        for file in (FIXTURES / "old").iterdir():
            made.write(file, f"old/{file.name}")
    return content.getvalue()


UPLOAD = "/admin/fighters/importrun/upload/"


def test_an_upload_is_kept_queued_and_carried_out(editor):
    file = SimpleUploadedFile("old.zip", archive())

    answer = editor.post(UPLOAD, {"file": file})

    run = ImportRun.objects.get()
    assert (answer.status_code, run.status, run.is_dry_run) == (302, "queued", False)
    assert queued(IMPORT_FILES) == [(IMPORT_FILES, {"run_id": run.pk})]
    run_queued()
    run.refresh_from_db()
    assert (run.status, run.report["fights"]["added"], ImportFilePart.objects.count()) == ("succeeded", 35, 0)
    shown = editor.get(reverse("admin:fighters_importrun_change", args=[run.pk])).content.decode()
    assert "Walter Cruz Vega" in shown
    again = run_import(run.pk, open_dataset=open_dataset, task_id="again", actor=Actor.command("test"))
    assert "skipped" in again
    actions = [event["action"] for event in recorded() if event["resource_type"] == "import"]
    assert actions == ["triggered", "imported"]


def test_a_dry_run_by_upload_changes_nothing(editor):
    editor.post(UPLOAD, {"file": SimpleUploadedFile("old.zip", archive()), "is_dry_run": "on"})
    run_queued()

    assert ImportRun.objects.get().report["fights"]["added"] == 35
    assert Fighter.objects.count() == 0


def test_a_list_of_spellings_by_upload(editor):
    fighter = FighterFactory(name="Cristiane Justino")
    content = b"Fighter,Alternate1\nCris Cyborg,Cristiane Justino\nNobody,J. Nobody\n"

    answer = editor.post(UPLOAD, {"kind": "aliases", "file": SimpleUploadedFile("names.csv", content)})
    run_queued()

    run = ImportRun.objects.get()
    assert (answer.status_code, run.kind, run.status, run.report["refused"]) == (302, "aliases", "succeeded", 1)
    assert fighter.aliases.get().name == "Cris Cyborg"
    shown = editor.get(reverse("admin:fighters_importrun_change", args=[run.pk])).content.decode()
    assert "Nobody, J. Nobody" in shown
    assert editor.post(UPLOAD, {"kind": "cats", "file": SimpleUploadedFile("x", b"x")}).status_code == 200


def test_one_table_alone_is_known_by_its_columns(editor):
    content = (FIXTURES / "old" / "ufc_fighter_tott.csv").read_bytes()
    editor.post(UPLOAD, {"file": SimpleUploadedFile("people.csv", content)})
    run_queued()

    assert Fighter.objects.count() == 28


@pytest.mark.parametrize("content", [b"no table at all", b"PK\x03\x04broken", b"a,b\n1,2\n"])
def test_a_file_that_is_no_use_ends_the_run_with_its_reason(editor, content):
    editor.post(UPLOAD, {"file": SimpleUploadedFile("x.zip", content)})
    run_queued()

    run = ImportRun.objects.get()
    assert run.status == "failed"
    assert run.error
    assert Fighter.objects.count() == 0


def test_an_empty_and_a_too_large_file_are_refused(editor, monkeypatch):
    assert editor.post(UPLOAD, {"file": SimpleUploadedFile("x.zip", b"")}).status_code == 200
    monkeypatch.setattr(imports, "MOST_UPLOADED_BYTES", 10)
    with pytest.raises(BodyTooLarge):
        request_import(iter([b"12345678", b"90123"]), file_name="x", actor=Actor.command("test"))
    assert (ImportRun.objects.count(), ImportFilePart.objects.count()) == (0, 0)


def test_who_may_not_import_does_not_see_the_page(client):
    client.force_login(UserFactory(role="operator"))

    assert client.get(UPLOAD).status_code == 403
    assert client.get("/admin/fighters/importrun/").status_code == 200


def test_a_run_that_was_cut_off_is_begun_again():
    run = ImportRunFactory(status="running")
    imports.store_file(run, [archive()])

    outcome = run_import(run.pk, open_dataset=open_dataset, task_id="t", actor=Actor.command("test"))

    assert outcome["status"] == "succeeded"
