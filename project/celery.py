"""The one Celery application: ``celery -A project worker`` and ``celery -A project beat``."""

import os
import sys
from pathlib import Path

from celery import Celery
from celery.signals import beat_init, worker_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")


def _is_celery_process(arguments: list[str]) -> bool:
    """Started as ``celery … worker`` or ``… beat`` (or ``python -m celery …``)."""
    program = Path(arguments[0])
    names = {program.stem, program.parent.name if program.stem == "__main__" else ""}
    return "celery" in names and not {"worker", "beat"}.isdisjoint(arguments[1:])


# Before the settings are read: a worker or beat keeps one plain connection per process.  A pool would be opened before
# the fork and hang in the children, and Celery would close it around every task (feasibility §3).
if _is_celery_process(sys.argv):
    os.environ["DATABASE_POOL"] = "0"

app = Celery("bajiaozhi")
app.config_from_object("django.conf:settings", namespace="CELERY")


@worker_init.connect
@beat_init.connect
def _before_work(**_: object) -> None:
    from apps.core.starting import require_fit_to_start

    require_fit_to_start()
