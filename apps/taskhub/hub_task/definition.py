"""What a task type is: its name, limits, retry policy and the arguments it takes."""

from __future__ import annotations

import inspect
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.conf import settings
from django.utils.functional import Promise

from apps.taskhub.enums import Queue
from apps.taskhub.errors import BadDeclaration, WrongArguments

# The broker gives a message back after VISIBILITY_TIMEOUT; a run must be over long before that (settings).
MAX_HARD_LIMIT_SECONDS = 6_600
_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)+\Z")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential back-off with full jitter: ``random(0, min(cap, base × 2^n))`` before retry number n + 1.

    ``max_retries`` None means settings.TASK_MAX_RETRIES (decision 15).  ``rerun_when_lost`` False: an attempt whose
    worker died is not run again by itself (the task is not safe to run twice).
    """

    max_retries: int | None = None
    base_seconds: float = 2.0
    cap_seconds: float = 600.0
    rerun_when_lost: bool = True

    @property
    def retries(self) -> int:
        return int(settings.TASK_MAX_RETRIES) if self.max_retries is None else self.max_retries

    def delay_seconds(self, failed_attempt: int, *, jitter: Callable[[], float] = random.random) -> float:
        """How long to wait after ``failed_attempt`` (1-based) failed."""
        # The exponent is bounded: 2.0 ** 1100 would be an OverflowError.
        return min(self.cap_seconds, self.base_seconds * 2.0 ** min(failed_attempt - 1, 40)) * jitter()


@dataclass(frozen=True)
class TaskDefinition:
    """One declared task type.  Checked when it is made: a wrong declaration stops the start."""

    name: str
    function: Callable[..., Any]
    queue: Queue
    label: str | Promise
    soft_limit_seconds: int
    grace_seconds: int
    retry: RetryPolicy

    def __post_init__(self) -> None:
        if not _NAME.match(self.name):
            raise BadDeclaration(f"{self.name!r}: a task name looks like app.verb_noun")
        if not isinstance(self.soft_limit_seconds, int) or self.soft_limit_seconds <= 0 or self.grace_seconds <= 0:
            raise BadDeclaration(f"{self.name}: a task needs soft_limit_seconds and grace_seconds above 0")
        if self.hard_limit_seconds > MAX_HARD_LIMIT_SECONDS:
            raise BadDeclaration(f"{self.name}: soft limit + grace may be {MAX_HARD_LIMIT_SECONDS} s at most")
        for parameter in self._parameters:
            if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
                raise BadDeclaration(
                    f"{self.name}: {parameter.name!r} must be keyword-only, def task(*, source_id: int)"
                )

    @property
    def hard_limit_seconds(self) -> int:
        return self.soft_limit_seconds + self.grace_seconds

    @cached_property
    def _parameters(self) -> list[inspect.Parameter]:
        return list(inspect.signature(self.function).parameters.values())

    @cached_property
    def _accepted(self) -> frozenset[str]:
        return frozenset(parameter.name for parameter in self._parameters)

    @cached_property
    def _required(self) -> frozenset[str]:
        return frozenset(p.name for p in self._parameters if p.default is inspect.Parameter.empty)

    def check_arguments(self, arguments: Mapping[str, Any]) -> None:
        """Raises WrongArguments, naming what is missing or unknown."""
        given = arguments.keys()
        if given <= self._accepted and self._required <= given:
            return
        raise WrongArguments(
            f"{self.name}: missing {sorted(self._required - given)}, unknown {sorted(given - self._accepted)}"
        )
