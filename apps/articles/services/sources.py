"""Sources: adding, changing, asking now, and choosing whose turn it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.articles.cache import forget_public_list
from apps.articles.models import URL_LENGTH, Article, Source
from apps.articles.services import hosts
from apps.articles.services.identity import canonical_url, host_of, url_hash
from apps.articles.task_names import POLL_SOURCE
from apps.audit.enums import Action
from apps.audit.services import record, snapshot
from apps.core.actor import Actor
from apps.core.db import locked, skip_locked
from apps.core.errors import Conflict, FieldError, Invalid, NotFound, PreconditionFailed
from apps.taskhub.services import EnqueueOptions, enqueue, enqueue_many

# One tick hands over this many sources; the next tick takes the rest.
SOURCES_PER_TICK = 500
SHORTEST_INTERVAL_SECONDS = 60
LONGEST_INTERVAL_SECONDS = 86_400
EDITABLE_FIELDS = (
    "name", "source_type", "platform", "account_id", "source_url", "parser_kind", "enabled", "interval_seconds",
    "adaptive", "arrival_policy", "owner", "language",
    "rights_display", "rights_playback", "rights_ai_summary", "rights_expires_at", "rights_proof_url",
)  # fmt: skip
# What a public reader sees of a source.
_PUBLIC_FIELDS = frozenset({"name", "rights_display", "rights_playback", "rights_expires_at"})


@dataclass(frozen=True, slots=True)
class FetchJob:
    """What a manual fetch may set beside the source; empty means the source's own (D-5)."""

    url: str = ""
    parser_kind: str = ""


@transaction.atomic
def create_source(*, actor: Actor, name: str, source_url: str, is_builtin: bool = False, **fields: Any) -> Source:
    """Add a source; it is polled with the next tick.  Raises Invalid, or Conflict for an address we have."""
    source = Source(name=name, source_url=source_url.strip(), is_builtin=is_builtin, **_known(fields))
    _check(source)
    source.url_hash = url_hash(source.source_url)
    source.save(force_insert=True)
    record(Action.CREATED, source, actor=actor, new=snapshot(source))
    return source


@transaction.atomic
def update_source(source_id: int, *, actor: Actor, expected: Mapping[str, Any] | None = None, **fields: Any) -> Source:
    """Change named fields.  A new address or parser starts without validators and is asked at once.

    ``expected`` says how fields stood when the caller decided.  Raises PreconditionFailed when one of them is neither
    so nor as wanted by now, Invalid, Conflict for an address we have, NotFound.
    """
    source = _locked(source_id)
    for name, value in (expected or {}).items():
        if getattr(source, name) not in (value, fields.get(name, value)):
            raise PreconditionFailed
    before = snapshot(source)
    changed = [name for name, value in _known(fields).items() if getattr(source, name) != value]
    for name in changed:
        setattr(source, name, fields[name])
    _check(source)
    saved = list(changed)
    if {"source_url", "parser_kind"} & set(changed):
        source.url_hash = url_hash(source.source_url)
        source.etag = source.last_modified = ""
        source.next_poll_at = timezone.now()
        saved += ["url_hash", "etag", "last_modified", "next_poll_at"]
    if not changed:
        return source
    source.save(update_fields=[*saved, "updated_at"])
    record(_action(source, changed), source, actor=actor, old=before, new=snapshot(source))
    if _PUBLIC_FIELDS & set(changed):
        # Who keeps copies must ask again: what may be shown of these articles is something else now.
        Article.objects.filter(source=source, first_published_at__isnull=False).update(updated_at=timezone.now())
        forget_public_list()
    return source


def _action(source: Source, changed: list[str]) -> Action:
    if changed == ["enabled"]:
        return Action.ENABLED if source.enabled else Action.DISABLED
    return Action.UPDATED


def _known(fields: dict[str, Any]) -> dict[str, Any]:
    unknown = fields.keys() - set(EDITABLE_FIELDS)
    if unknown:
        raise TypeError(f"a source has no editable field {sorted(unknown)}")
    return fields


def _check(source: Source) -> None:
    if not canonical_url(source.source_url) or len(source.source_url) > URL_LENGTH:
        raise _invalid("source_url", "invalid", _("Enter an http or https address of at most 512 characters."))
    if _has_credentials(source.source_url):
        raise _invalid("source_url", "credentials", _("The address must not contain a user name or password."))
    if source.rights_proof_url and not canonical_url(source.rights_proof_url):
        raise _invalid("rights_proof_url", "invalid", _("Enter an http or https address of at most 512 characters."))
    if not source.name.strip():
        raise _invalid("name", "required", _("A source needs a name."))
    if not SHORTEST_INTERVAL_SECONDS <= source.interval_seconds <= LONGEST_INTERVAL_SECONDS:
        raise _invalid("interval_seconds", "out_of_range", _("The interval is between 60 seconds and one day."))
    if Source.objects.filter(url_hash=url_hash(source.source_url)).exclude(pk=source.pk).exists():
        raise Conflict(
            _("There is a source with this address already."),
            errors=[FieldError("source_url", "unique", _("There is a source with this address already."))],
        )


def _has_credentials(address: str) -> bool:
    """No fetch would take them along, and the address is shown to everybody."""
    parts = urlsplit(address)
    return parts.username is not None or parts.password is not None


def _invalid(field: str, code: str, detail: Any) -> Invalid:
    return Invalid(detail, errors=[FieldError(field, code, detail)])


@transaction.atomic
def request_fetch(source_id: int, *, actor: Actor, job: FetchJob | None = None) -> str:
    """Queue one poll of a source now, also of a disabled one, and return the task's id.

    Another address or parser than the source's own is used for this one poll only.
    """
    job = job or FetchJob()
    source = _locked(source_id)
    if job.url and (not canonical_url(job.url) or len(job.url) > URL_LENGTH):
        raise _invalid("url", "invalid", _("Enter an http or https address of at most 512 characters."))
    data = {"url": job.url or source.source_url, "parser_kind": job.parser_kind or source.parser_kind}
    task_id = enqueue(
        POLL_SOURCE,
        options=EnqueueOptions(actor=actor),
        source_id=source.pk,
        url=job.url,
        parser_kind=job.parser_kind,
    )
    record(Action.TRIGGERED, source, actor=actor, data={**data, "task_id": task_id})
    return task_id


@transaction.atomic
def queue_due_sources(*, actor: Actor, now: datetime | None = None) -> int:
    """Queue a poll of every source whose time has come and set its next time.  Any number may run this at once."""
    now = now or timezone.now()
    due = list(skip_locked(Source.objects.due(now))[:SOURCES_PER_TICK])
    for source in due:
        source.next_poll_at = _next_time(source, now)
    Source.objects.bulk_update(due, ["next_poll_at"])
    # Between two sources of one server: a usual answer and the gap after it.
    turn = 2 * hosts.gap()
    for place, sources in enumerate(_in_turns(due)):
        options = EnqueueOptions(actor=actor, run_at=now + place * turn if place else None)
        polls = [{"source_id": source.pk, "turn": source.next_poll_at.isoformat()} for source in sources]
        enqueue_many(POLL_SOURCE, polls, options=options)
    return len(due)


def _in_turns(due: list[Source]) -> list[list[Source]]:
    """At most one source of each server in a turn: its others come in the turns that follow."""
    turns: list[list[Source]] = []
    taken: Counter[str] = Counter()
    for source in due:
        host = host_of(source.source_url)
        place = taken[host]
        taken[host] += 1
        if place == len(turns):
            turns.append([])
        turns[place].append(source)
    return turns


def _next_time(source: Source, now: datetime) -> datetime:
    """In step with the last due time, so that an interval of a minute does not become two by a tick that came a
    moment earlier than the last one; from now on when the source is far behind."""
    interval = timedelta(seconds=source.interval_seconds)
    in_step = source.next_poll_at + interval
    return in_step if in_step > now else now + interval


def _locked(source_id: int) -> Source:
    source = locked(Source.objects.filter(pk=source_id)).first()
    if source is None:
        raise NotFound(_("There is no such source."))
    return source
