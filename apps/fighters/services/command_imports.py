"""Imports that a command carries out: no task stands behind them, so the command itself says that it is alive.

    with run_of_command("aliases", actor=ACTOR, file_name="names.csv") as run:
        report = …
    finish_run(run.pk, report, actor=ACTOR)

A command that is killed says nothing more; after ``LOST_AFTER`` its run is lost, and ``close_lost_runs`` closes it.
Not promised: that a lost run does nothing any more.  One that was only cut off from the database for so long ends with
its own word.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import DatabaseError, InterfaceError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.core.actor import Actor
from apps.core.db import locked
from apps.core.errors import AppError
from apps.fighters.models import ImportRun
from apps.fighters.models.imports import LOST_AFTER
from apps.fighters.services.imports import begin_run, fail_run, open_run

ALIVE_EVERY_SECONDS = 20.0


@contextmanager
def run_of_command(
    kind: ImportRun.Kind | str, *, actor: Actor, file_name: str, is_dry_run: bool = False
) -> Iterator[ImportRun]:
    """A run that has begun; what breaks the block ends it, and is raised on.  Who leaves the block finishes the run."""
    run = begin_run(open_run(kind, actor=actor, file_name=file_name, is_dry_run=is_dry_run).pk)
    ended = threading.Event()
    threading.Thread(target=_say_alive, args=(run.pk, ended), name="import-alive", daemon=True).start()
    try:
        yield run
    except BaseException as error:
        fail_run(run.pk, str(error) if isinstance(error, AppError) else f"{type(error).__name__}: {error}", actor=actor)
        raise
    finally:
        ended.set()


def close_lost_runs(*, actor: Actor, now: datetime) -> int:
    """End the runs whose command is gone; returns how many.  What they wrote stays."""
    return sum(_close(run.pk, actor, now) for run in ImportRun.objects.lost(now - LOST_AFTER).order_by("pk"))


@transaction.atomic
def _close(run_id: int, actor: Actor, now: datetime) -> bool:
    """False when it has been heard of, or closed, in the meantime."""
    if not locked(ImportRun.objects.lost(now - LOST_AFTER).filter(pk=run_id)):
        return False
    sentence = _("The command that carried this import out is gone: it was killed, or its machine stopped.")
    fail_run(run_id, sentence, actor=actor)
    return True


def _say_alive(run_id: int, ended: threading.Event) -> None:
    """On a connection of its own.  Where the import holds the whole database (SQLite), the next time will do."""
    while not ended.wait(ALIVE_EVERY_SECONDS):
        try:
            ImportRun.objects.filter(pk=run_id, status=ImportRun.Status.RUNNING).update(alive_at=timezone.now())
        except (DatabaseError, InterfaceError):
            continue
        finally:
            connection.close()
