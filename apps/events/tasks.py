"""Hub tasks of the events app.

All are safe to run twice: a tick queues only feeds whose time has come; an answer that was applied changes nothing
the second time; an import that has ended is not begun again.
"""

from __future__ import annotations

import time
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.core.errors import Invalid, UpstreamFailed
from apps.events import services
from apps.events.clients.scoreboard import SOURCE, ask_for_cards, ask_provider
from apps.events.clients.ufcstats import open_dataset
from apps.events.services.imports import run_import
from apps.events.task_names import IMPORT_FILES, POLL_SCOREBOARD, QUEUE_DUE_POLLS, TAKE_CARDS
from apps.taskhub.hub_task import Queue, RetryPolicy, current_run, hub_task


@hub_task(
    name=QUEUE_DUE_POLLS,
    queue=Queue.CRITICAL,
    label=_("Poll the live events"),
    soft_limit_seconds=20,
    retry=RetryPolicy(max_retries=0),
)
def queue_due_polls() -> dict[str, int]:
    """Begin what has begun and queue a poll for each live feed whose time has come."""
    return services.queue_due_polls(actor=current_run.actor)


@hub_task(
    name=POLL_SCOREBOARD,
    queue=Queue.CRITICAL,
    label=_("Ask the live provider"),
    soft_limit_seconds=25,
    retry=RetryPolicy(max_retries=1, base_seconds=1.0),
)
def poll_scoreboard(*, url: str, event_ids: list[int]) -> dict[str, Any]:
    """Ask the provider once, put what it says of our events on the stream.

    An answer that is no use ends the poll, not the task: the next tick asks again, and the alarm is the feed's.
    """
    captured = time.time_ns() // 1_000_000
    try:
        said = {event.external_id: event for event in ask_provider(url)}
    except (Invalid, UpstreamFailed) as error:
        failures = services.record_failure(event_ids, str(error), now=timezone.now())
        return {"status": "failed", "error": str(error)[:200], "failures": max(failures.values(), default=0)}
    ours = services.followed_as(event_ids, source=SOURCE)
    answers = [(event_id, said[name].as_message()) for event_id, name in ours if name in said]
    published = services.publish_answers(answers, source=SOURCE, sequence=captured)
    heard = {event_id for event_id, _message in answers}
    services.record_answer(heard, now=timezone.now())
    silent = [event_id for event_id in event_ids if event_id not in heard]
    services.record_failure(silent, "the answer lacks this event", now=timezone.now())
    return {"status": "answered", "events": published, "absent": len(silent)}


@hub_task(
    name=TAKE_CARDS,
    queue=Queue.DEFAULT,
    label=_("Take over announced cards"),
    soft_limit_seconds=60,
    retry=RetryPolicy(max_retries=2),
)
def take_cards(*, url: str) -> dict[str, int]:
    """Ask the live provider what takes place and bring it in, card by card."""
    cards = ask_for_cards(url)
    adopted = [services.adopt_card(said, source=SOURCE, actor=current_run.actor) for said in cards]
    return {
        "events": len(adopted),
        "new_events": sum(one.is_new for one in adopted),
        "new_bouts": sum(one.bouts for one in adopted),
        "questions": sum(one.questions for one in adopted),
    }


@hub_task(
    name=IMPORT_FILES,
    queue=Queue.LOW,
    label=_("Import files"),
    retry=RetryPolicy(max_retries=2),
)
def import_files(*, run_id: int) -> dict[str, Any]:
    """Carry out an import that somebody uploaded."""
    return run_import(run_id, open_dataset=open_dataset, task_id=current_run.task_id, actor=current_run.actor)
