"""The workload: a task that does nothing, one with an effect, one that takes its time, one that kills its process."""

from __future__ import annotations

import os
import signal
import time

from celery import shared_task
from django.db import transaction

from apps.core.errors import Conflict, Unavailable
from apps.taskhub.hub_task import Queue, RetryPolicy, current_run, hub_task
from apps.taskhub.services import once

NOOP = "workload.noop"
EFFECT = "workload.effect"
SLEEP = "workload.sleep"
STUBBORN = "workload.stubborn"
CRASH = "workload.crash"
FLAKY = "workload.flaky"
HOLD = "workload.hold"
REFUSE = "workload.refuse"
PLAIN_NOOP = "workload.plain_noop"


@hub_task(name=NOOP, soft_limit_seconds=60)
def noop(*, number: int = 0) -> None:
    return None


@shared_task(name=PLAIN_NOOP)
def plain_noop(number: int = 0) -> None:
    """The same task for plain Celery, as a yardstick."""


@hub_task(name=EFFECT, soft_limit_seconds=60, retry=RetryPolicy(max_retries=50, base_seconds=0.2, cap_seconds=1.0))
def effect(*, number: int, seconds: float = 0.0) -> dict[str, int]:
    """A raw effect each time it runs, and one made single by ``once`` in its transaction."""
    # Here, so that a process without the workload's tables may import the names.
    from tests.faults.workload.models import Effect

    Effect.objects.create(number=number, kind="raw", attempt=current_run.attempt)
    time.sleep(seconds)
    with transaction.atomic():
        if once(f"workload.effect:{number}"):
            Effect.objects.create(number=number, kind="once", attempt=current_run.attempt)
    return {"number": number}


@hub_task(name=SLEEP, soft_limit_seconds=2, grace_seconds=3, queue=Queue.LOW)
def sleep(*, seconds: float) -> str:
    """Ends at its soft limit, or sooner when it is cancelled."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        current_run.stop_if_cancelled()
        time.sleep(0.1)
    return "slept"


@hub_task(name=STUBBORN, soft_limit_seconds=1, grace_seconds=1)
def stubborn(*, seconds: float) -> str:
    """Ignores its soft limit."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            time.sleep(0.1)
        except BaseException:  # that is the point
            continue
    return "ignored the soft limit"


@hub_task(name=CRASH, soft_limit_seconds=60)
def crash(*, times: int) -> str:
    """Kills its own process on the first attempts."""
    if current_run.attempt <= times:
        os.kill(os.getpid(), signal.SIGKILL)
    return "survived"


@hub_task(name=FLAKY, soft_limit_seconds=60, retry=RetryPolicy(max_retries=3, base_seconds=0.2))
def flaky(*, times: int) -> int:
    """Fails on the first attempts."""
    if current_run.attempt <= times:
        raise Unavailable("not yet")
    return current_run.attempt


@hub_task(name=REFUSE, soft_limit_seconds=60)
def refuse() -> None:
    raise Conflict("never")


@hub_task(name=HOLD, soft_limit_seconds=60)
def hold(*, seconds: float) -> int:
    """Takes its time on the first attempt only."""
    if current_run.attempt == 1:
        time.sleep(seconds)
    return current_run.attempt
