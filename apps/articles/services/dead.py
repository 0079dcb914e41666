"""Items that the stream gave up: listed with their reason, put back or thrown away, both recorded.

The stream is not part of the transaction: it is asked last, so that a refusal of Redis takes the record back too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import redis
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from apps.articles.models import Source
from apps.articles.services.streams import ITEMS
from apps.audit.enums import Action
from apps.audit.services import ResourceRef, record
from apps.core.actor import Actor
from apps.core.errors import NotFound, RedisUnavailable
from apps.core.streams import DeadLetter

MOST_SHOWN = 100


@dataclass(frozen=True, slots=True)
class DeadItem:
    """``source_name`` is empty when the source no longer exists or the message names none."""

    id: str
    source_id: int | None
    source_name: str
    title: str
    error: str
    deliveries: int
    body: dict[str, Any]


def dead_items() -> list[DeadItem]:
    """The newest ones.  Raises RedisUnavailable."""
    try:
        letters = ITEMS.dead_letters(count=MOST_SHOWN)
    except redis.RedisError as error:
        raise RedisUnavailable from error
    names = dict(Source.objects.filter(pk__in=filter(None, map(_source_id, letters))).values_list("pk", "name"))
    return [_shown(letter, names) for letter in letters]


def replay_dead(dead_id: str, *, actor: Actor) -> None:
    """Put an item back into the stream.  Raises NotFound, RedisUnavailable."""
    _act(dead_id, Action.REPLAYED, ITEMS.replay, actor)


def discard_dead(dead_id: str, *, actor: Actor) -> None:
    """Throw an item away for good.  Raises NotFound, RedisUnavailable."""
    _act(dead_id, Action.DISCARDED, ITEMS.discard, actor)


@transaction.atomic
def _act(dead_id: str, action: Action, act: Callable[[str], bool], actor: Actor) -> None:
    letter = next((item for item in dead_items() if item.id == dead_id), None)
    if letter is None:
        raise NotFound(_("This item is gone."))
    subject = ResourceRef("source", str(letter.source_id or 0), letter.source_name)
    record(action, subject, actor=actor, data={"dead_id": dead_id, "title": letter.title, "error": letter.error[:500]})
    try:
        if not act(dead_id):
            raise NotFound(_("This item is gone."))
    except redis.RedisError as error:
        raise RedisUnavailable from error


def _source_id(letter: DeadLetter) -> int | None:
    number = letter.body.get("source_id") if isinstance(letter.body, dict) else None
    return number if isinstance(number, int) and 0 < number < 2**63 else None


def _shown(letter: DeadLetter, names: dict[int, str]) -> DeadItem:
    number = _source_id(letter)
    item = letter.body.get("item") if isinstance(letter.body, dict) else None
    title = str(item.get("title", "")) if isinstance(item, dict) else ""
    return DeadItem(
        letter.id, number, names.get(number or 0, ""), title[:255], letter.error, letter.deliveries, letter.body
    )
