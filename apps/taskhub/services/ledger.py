"""The statements of the recorder: many rows in few round trips, with the same meaning on all databases.

PostgreSQL takes a batch as one JSON parameter and one statement; elsewhere the same rows go through ``executemany``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
from django.db import connection
from django.db.models import F

from apps.taskhub.enums import TaskStatus
from apps.taskhub.models import Task, TaskAttempt

if TYPE_CHECKING:
    from apps.taskhub.services.recording import TaskState

_STATE_COLUMNS = {
    "status": "text",
    "dead_reason": "text",
    "attempts": "int",
    "max_retries": "int",
    "losses": "int",
    "last_error": "text",
    "error_stack": "text",
    "result": "jsonb",
    "progress": "int",
    "progress_text": "text",
    "last_worker_name": "text",
    "run_at": "timestamptz",
    "send_at": "timestamptz",
    "published_at": "timestamptz",
    "epoch": "text",
    "started_at": "timestamptz",
    "finished_at": "timestamptz",
    "duration_ms": "bigint",
    "state_rank": "int",
    "state_at": "timestamptz",
    "updated_at": "timestamptz",
}
_MARK_COLUMNS = {name: _STATE_COLUMNS[name] for name in ("send_at", "published_at", "epoch", "updated_at")}


@dataclass(slots=True)
class AttemptRow:
    task_id: str
    attempt: int
    status: str
    dead_reason: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    duration_ms: int | None = None
    error: str = ""
    worker_name: str = ""


def write_states(tasks: Sequence[TaskState]) -> None:
    """Write every column that events may move."""
    _update(tasks, _STATE_COLUMNS)


def write_marks(tasks: Sequence[TaskState]) -> None:
    """Write only that the tasks were published."""
    _update(tasks, _MARK_COLUMNS)


def _update(tasks: Sequence[TaskState], columns: dict[str, str]) -> None:
    if not tasks:
        return
    now = datetime.now(UTC)
    rows = [{name: now if name == "updated_at" else getattr(task, name) for name in columns} for task in tasks]
    if connection.vendor == "postgresql":
        _update_postgresql(tasks, rows, columns)
    else:
        _update_portable(tasks, rows, columns)


def _update_postgresql(tasks: Sequence[TaskState], rows: list[dict[str, Any]], columns: dict[str, str]) -> None:
    for task, row in zip(tasks, rows, strict=True):
        row["id"] = task.id
    table = connection.ops.quote_name(Task._meta.db_table)
    changes = ", ".join(f"{name} = v.{name}" for name in columns)
    types = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    source = f"jsonb_to_recordset(%s::jsonb) AS v(id bigint, {types})"
    sql = f"UPDATE {table} AS t SET {changes} FROM {source} WHERE t.id = v.id"  # noqa: S608  # names are ours
    with connection.cursor() as cursor:
        cursor.execute(sql, [orjson.dumps(rows).decode()])


def _update_portable(tasks: Sequence[TaskState], rows: list[dict[str, Any]], columns: dict[str, str]) -> None:
    table = connection.ops.quote_name(Task._meta.db_table)
    sql = f"UPDATE {table} SET {', '.join(f'{name} = %s' for name in columns)} WHERE id = %s"  # noqa: S608
    parameters = [
        [*(_portable(value, columns[name]) for name, value in row.items()), task.id]
        for task, row in zip(tasks, rows, strict=True)
    ]
    with connection.cursor() as cursor:
        cursor.executemany(sql, parameters)


def _portable(value: Any, kind: str) -> Any:
    if kind == "timestamptz":
        return connection.ops.adapt_datetimefield_value(value)
    if kind == "jsonb":
        return None if value is None else orjson.dumps(value).decode()
    return value


def write_attempts(rows: Collection[AttemptRow]) -> None:
    """Ends overwrite what is there; a start that comes after its end changes nothing."""
    write = _attempts_postgresql if connection.vendor == "postgresql" else _attempts_portable
    for ended in (False, True):
        chosen = [row for row in rows if (row.status != TaskStatus.RUNNING) is ended]
        if chosen:
            write(chosen, overwrite=ended)


_ATTEMPT_COLUMNS = {
    "task_id": "text",
    "attempt": "int",
    "status": "text",
    "dead_reason": "text",
    "started_at": "timestamptz",
    "finished_at": "timestamptz",
    "duration_ms": "bigint",
    "error": "text",
    "worker_name": "text",
}
_ENDED_COLUMNS = [name for name in _ATTEMPT_COLUMNS if name not in ("task_id", "attempt")]


def _attempts_postgresql(rows: Sequence[AttemptRow], *, overwrite: bool) -> None:
    table = connection.ops.quote_name(TaskAttempt._meta.db_table)
    names = ", ".join(_ATTEMPT_COLUMNS)
    types = ", ".join(f"{name} {kind}" for name, kind in _ATTEMPT_COLUMNS.items())
    changes = ", ".join(f"{name} = excluded.{name}" for name in _ENDED_COLUMNS)
    sql = (
        f"INSERT INTO {table} ({names}, duplicates, trace_id, span_id) "  # noqa: S608  # names are ours
        f"SELECT {names}, 0, '', '' FROM jsonb_to_recordset(%s::jsonb) AS v({types}) "
        f"ON CONFLICT (task_id, attempt) DO {f'UPDATE SET {changes}' if overwrite else 'NOTHING'}"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [orjson.dumps(rows).decode()])


def _attempts_portable(rows: Sequence[AttemptRow], *, overwrite: bool) -> None:
    attempts = [TaskAttempt(**asdict(row)) for row in rows]
    if not overwrite:
        TaskAttempt.objects.bulk_create(attempts, ignore_conflicts=True)
        return
    targeted = connection.features.supports_update_conflicts_with_target
    TaskAttempt.objects.bulk_create(
        attempts,
        update_conflicts=True,
        unique_fields=["task_id", "attempt"] if targeted else None,
        update_fields=_ENDED_COLUMNS,
    )


def write_duplicates(attempts: Collection[tuple[str, int]]) -> None:
    """Count deliveries that the start fence dropped.  Counted once more when a batch is recorded twice: a hint for
    people, not a number that anything rests on."""
    for (task_id, attempt), count in Counter(attempts).items():
        TaskAttempt.objects.filter(task_id=task_id, attempt=attempt).update(duplicates=F("duplicates") + count)
