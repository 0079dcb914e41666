"""An import that people upload ends in every case: it succeeds, is refused, or is told to have failed."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import redis
from billiard.exceptions import SoftTimeLimitExceeded

from apps.audit.testing import recorded
from apps.core.actor import Actor, ActorKind
from apps.events.clients.ufcstats import open_dataset
from apps.events.models import Event
from apps.events.services.imports import on_finished, request_import, run_import
from apps.events.services.ufcstats import import_ufcstats
from apps.events.task_names import IMPORT_FILES
from apps.fighters.models import Fighter, ImportRun
from apps.fighters.services.imports import progress_of, report_progress
from apps.fighters.services.list_imports import request_list_import
from apps.taskhub.registry import RunFinished
from apps.taskhub.services import cancel_task

pytestmark = pytest.mark.django_db
EDITOR = Actor(ActorKind.USER, "7", "editor")
EVENTS = b"EVENT,URL,DATE,LOCATION\n" + b"".join(
    b'Night %d,http://ufcstats.com/event-details/%016x,"May 02, 2026",Town\n' % (number, number)
    for number in range(500)
)


def packed(content: bytes = EVENTS) -> bytearray:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ufc_event_details.csv", content)
    return bytearray(file.getvalue())


def with_flag(name: str) -> bytes:
    archive = packed()
    central = archive.index(b"PK\x01\x02")
    if name == "encrypted":
        archive[6] |= 1
        archive[central + 8] |= 1
    elif name == "packed strangely":
        archive[8] = archive[central + 10] = 99
    else:
        archive[60:160] = b"\xff" * 100
    return bytes(archive)


def upload(content: bytes) -> ImportRun:
    return request_import([content], file_name="x.zip", actor=EDITOR, is_dry_run=False)


def carried_out(run: ImportRun, opened: Any = open_dataset) -> dict[str, Any]:
    return run_import(run.pk, open_dataset=opened, task_id="t-1", actor=EDITOR)


@pytest.mark.parametrize(
    "content",
    [
        with_flag("encrypted"),
        with_flag("packed strangely"),
        with_flag("damaged"),
        b"\x1f\x8b" + zlib.compress(b"x" * 100),
        bytes(packed(b"EVENT," + b"x" * 30_000 + b"\n")),
    ],
    ids=["encrypted", "packed strangely", "damaged", "half a gzip", "a header without end"],
)
def test_a_file_that_is_no_use_ends_the_run(content: bytes) -> None:
    run = upload(content)

    assert carried_out(run)["status"] == "failed"

    run.refresh_from_db()
    assert (run.status, bool(run.error), Event.objects.count()) == ("failed", True, 0)


@pytest.mark.parametrize("error", [SoftTimeLimitExceeded(), ValueError("odd")])
def test_what_no_attempt_can_mend_ends_the_run_and_is_raised(error: Exception) -> None:
    def broken(_path: Path) -> AbstractContextManager[Any]:
        raise error

    run = upload(bytes(packed()))

    with pytest.raises(type(error)):
        carried_out(run, broken)

    run.refresh_from_db()
    assert run.status == "failed"
    assert "skipped" in carried_out(run)


@pytest.mark.parametrize(("status", "then"), [("dead", "failed"), ("fail", "running"), ("success", "running")])
def test_an_import_ends_with_its_task(status: str, then: str) -> None:
    run = upload(bytes(packed()))
    ImportRun.objects.filter(pk=run.pk).update(status="running", task_id="t-1")
    finished = {
        "source": "", "attempt": 3, "dead_reason": "worker_lost", "started_at": None,
        "finished_at": datetime(2026, 5, 2, tzinfo=UTC), "duration_ms": None, "error": "", "error_stack": "",
        "result": None, "retry_at": None,
    }  # fmt: skip

    on_finished([RunFinished(task_id="t-1", name=IMPORT_FILES, status=status, **finished)])

    run.refresh_from_db()
    assert run.status == then
    assert run.error == ("worker_lost" if then == "failed" else "")


@pytest.mark.parametrize("kind", list(ImportRun.Kind))
def test_an_import_whose_task_dies_before_it_began_is_over(kind: ImportRun.Kind) -> None:
    if kind == ImportRun.Kind.UFCSTATS:
        run = upload(bytes(packed()))
    else:
        run = request_list_import(kind, [b"x"], file_name="x.csv", actor=EDITOR)
    assert (run.status, bool(run.task_id)) == ("queued", True)

    cancel_task(run.task_id, actor=EDITOR, reason="wrong file")

    run.refresh_from_db()
    assert (run.status, run.error, run.parts.count()) == ("failed", "wrong file", 0)
    actions = [event["action"] for event in recorded() if event["resource_type"] == "import"]
    assert actions == ["triggered", "imported"]


def test_a_dry_run_tells_how_far_it_is_although_its_transaction_hides_it() -> None:
    run = request_import([bytes(packed())], file_name="x.zip", actor=EDITOR, is_dry_run=True)
    seen = []

    @contextmanager
    def watched(path: Path) -> Iterator[Any]:
        with open_dataset(path) as dataset:
            yield dataset
            seen.append((progress_of(ImportRun.objects.get(pk=run.pk)), Event.objects.count()))

    assert carried_out(run, watched)["status"] == "succeeded"
    assert seen == [(("records", 500), 0)]


def test_progress_is_what_the_row_says_while_redis_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> Any:
        raise redis.ConnectionError("away")

    monkeypatch.setattr("apps.fighters.services.imports.core_redis.client", away)
    run = ImportRun(pk=1, is_dry_run=True, status="running")

    report_progress(1, "fights", 7, is_dry_run=True)

    assert progress_of(run) == ("", 0)


def test_numbers_that_no_column_holds_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "ufc_fighter_tott.csv").write_text(
        "FIGHTER,HEIGHT,WEIGHT,REACH,STANCE,DOB,URL\n"
        + "".join(
            f'"{name}",{height},{weight},{reach},,,http://ufcstats.com/fighter-details/{number:016x}\n'
            for number, (name, height, weight, reach) in enumerate(
                [
                    ("Good", "--", "265 lbs.", "--"),
                    ("Tall", '"9999\' 11"""', "--", "--"),
                    ("Heavy", "--", "9" * 400 + " lbs.", "--"),
                    ("Long", "--", "--", '"99999"""'),
                ]
            )
        )
    )

    with open_dataset(tmp_path) as dataset:
        report = import_ufcstats(dataset, actor=EDITOR)

    rows = Fighter.objects.values_list("name", "height_mm", "weight_g", "reach_mm")
    assert sorted(rows) == [
        ("Good", None, 120202, None),
        ("Heavy", None, None, None),
        ("Long", None, None, None),
        ("Tall", None, None, None),
    ]
    assert (report.fighters.refused, [item["what"] for item in report.reasons]) == (0, ["field"] * 3)
