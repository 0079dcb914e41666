"""Names of Redis keys that are neither cache nor stream.  No other module spells a Redis key (J-3)."""

from __future__ import annotations


def heartbeats(kind: str) -> str:
    """Hash of the living processes of ``kind`` (web, worker, beat, consumer, live), by boot id."""
    return f"process:{kind}"


def task_fence(task_id: str, attempt: int) -> str:
    """Taken once by the process that starts this attempt."""
    return f"task:{task_id}:{attempt}"


def task_status(task_id: str) -> str:
    """Newest known state of a task, ahead of the database."""
    return f"task:{task_id}:status"


def task_cancel(task_id: str) -> str:
    return f"task:{task_id}:cancel"


def broker_epoch() -> str:
    """Set once per life of the Redis data; missing or changed means that Redis lost what it held."""
    return "taskhub:epoch"


def progress(what: str, number: int) -> str:
    """How far a long piece of work is, when its own transaction hides it."""
    return f"progress:{what}:{number}"


def lock(name: str) -> str:
    return f"lock:{name}"


def lock_term(name: str) -> str:
    """How often the lock has changed hands."""
    return f"lock:{name}:term"


def counter(name: str) -> str:
    """A number that several processes add to (drops, failures)."""
    return f"counter:{name}"


def throttle(scope: str, subject: str) -> str:
    """Rate limit of one address or user."""
    return f"throttle:{scope}:{subject}"


def back_office_figures() -> str:
    """The numbers of the sidebar, kept for some seconds."""
    return "cache:back-office:figures"


def metrics() -> str:
    """Hash of the last metrics of each process, by kind and boot id."""
    return "process:metrics"


def circuit(name: str) -> str:
    """Failures in a row of a system that we call, and until when it is left alone."""
    return f"circuit:{name}"
