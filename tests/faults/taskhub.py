"""2,000 tasks with an effect counted in the database, while workers and consumers are killed (-9) at random.

Two workers, two consumers, one beat; for a minute every second or so one of them dies (the main process, the whole
group, or one child of a worker) and is started again at once.  Promised: no task is lost, and an effect made single by
``once(key)`` in its transaction happens once.  Not promised, but counted and printed: attempts that started twice, and
effects that are not protected.
"""

from __future__ import annotations

import os
import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psutil
from django.db import connection
from django.db.models import Count

from apps.core.actor import Actor
from apps.taskhub.enums import DeadReason, TaskStatus
from apps.taskhub.models import Task, TaskAttempt
from apps.taskhub.services import enqueue_many, retry_task
from tests.faults import processes
from tests.faults.harness import Row
from tests.faults.workload.models import Effect
from tests.faults.workload.tasks import EFFECT

TASKS = 2_000
SECONDS_PER_TASK = 0.08
KILLING_SECONDS = 60.0
PAUSE_SECONDS = (0.5, 2.0)
# Everything ends well within nine minutes.
RECOVERY_SECONDS = 360.0
OPERATOR = Actor.command("faults")
SEED = 20_261_123


def run() -> list[Row]:
    chance = random.Random(SEED)  # repeatable, not secret
    with tempfile.TemporaryDirectory() as folder:
        logs = Path(folder)
        members = [
            *(processes.worker(logs, name=f"worker{n}") for n in (1, 2)),
            *(processes.consumer(logs, name=f"consumer{n}") for n in (1, 2)),
        ]
        with processes.beat(logs):
            try:
                return [_run(members, chance)]
            finally:
                for member in members:
                    member.stop()


def _run(members: list[processes.Process], chance: random.Random) -> Row:
    for member in members:
        member.start()
    submitted = enqueue_many(EFFECT, [{"number": number, "seconds": SECONDS_PER_TASK} for number in range(TASKS)])
    processes.wait_until(lambda: Effect.objects.exists(), seconds=60, what="the first effect")
    blows = _kill(members, chance)
    last_blow = time.monotonic()
    given_up = _wait_for_the_end()
    recovered = time.monotonic() - last_blow
    _print(blows, given_up)
    once = Counter(Effect.objects.filter(kind="once").values_list("number", flat=True))
    succeeded = Task.objects.filter(task_id__in=submitted, status=TaskStatus.SUCCESS).count()
    lost = sum(1 for number in range(TASKS) if once[number] == 0)
    return Row(
        "workers and consumers killed at random",
        submitted=len(submitted),
        finished=succeeded,
        lost=max(lost, TASKS - succeeded),
        doubled=sum(count - 1 for count in once.values() if count > 1),
        seconds_to_recover=round(recovered, 1),
    )


def _kill(members: list[processes.Process], chance: random.Random) -> Counter[str]:
    blows: Counter[str] = Counter()
    end = time.monotonic() + KILLING_SECONDS
    while time.monotonic() < end:
        time.sleep(chance.uniform(*PAUSE_SECONDS))
        member = chance.choice(members)
        ways: list[Callable[[processes.Process], str]] = [_kill_main, _kill_group]
        if member.name.startswith("worker"):
            ways.append(_kill_child)
        blows[chance.choice(ways)(member)] += 1
        if not member.is_running:
            member.start()
    return blows


def _kill_main(member: processes.Process) -> str:
    member.kill()
    return f"{member.name[:-1]} main process"


def _kill_group(member: processes.Process) -> str:
    member.kill(children_too=True)
    return f"{member.name[:-1]} with children"


def _kill_child(member: processes.Process) -> str:
    children = psutil.Process(member.pid).children()
    if children:
        os.kill(children[0].pid, signal.SIGKILL)
    return "worker child"


def _wait_for_the_end() -> int:
    """Until all tasks succeeded; a task that died because it lost two workers in a row is retried as an operator would.
    Returns how many of those there were."""
    given_up = 0
    end = time.monotonic() + RECOVERY_SECONDS
    while time.monotonic() < end and Task.objects.exclude(status=TaskStatus.SUCCESS).exists():
        dead = Task.objects.filter(status=TaskStatus.DEAD, dead_reason=DeadReason.WORKER_LOST)
        for task_id in list(dead.values_list("task_id", flat=True)):
            retry_task(task_id, actor=OPERATOR, reason="lost two workers that the test killed")
            given_up += 1
        time.sleep(0.5)
    return given_up


def _print(blows: Counter[str], given_up: int) -> None:
    raw = Effect.objects.filter(kind="raw")
    twice = raw.values("number", "attempt").annotate(runs=Count("id")).filter(runs__gt=1).count()
    states = dict(Task.objects.values_list("status").annotate(Count("id")))
    print(f"  database: {connection.vendor}; blows: {dict(blows)}")
    print(f"  tasks by state: {states}; attempts recorded: {TaskAttempt.objects.count():,}")
    print(f"  attempts that started twice (not promised): {twice}")
    print(f"  unprotected effects beyond one per task (not promised): {raw.count() - TASKS}")
    print(f"  deliveries dropped at the start fence: {sum(TaskAttempt.objects.values_list('duplicates', flat=True))}")
    print(f"  dead after two lost workers in a row, retried by hand: {given_up}", flush=True)
