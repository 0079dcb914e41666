"""Cached reads of events: keys, times to live, loading and forgetting (section G).

| key | content | time to live |
| --- | --- | --- |
| ``cache:events:list:v1:{org}:{date}`` | first page of the list | 60 s |
| the same, with generation and hash behind it | other pages, other filters | 60 s |
| ``cache:event:detail:v1:{id}`` | the card | 20 s while live, else 120 s |
| ``cache:event:detail:v1:{id}:veiled`` | the card without results (``spoilers=0``) | same |

Every list hangs on one generation number, so that one write drops all of them without a key scan.  The answers hold
no moment of their own making: an unchanged card keeps its ETag, however often it is loaded anew.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from apps.core.cache import Cached, CachedRead, encode, forget, generation
from apps.events.cache.card import card_of, list_item_of
from apps.events.enums import EventStatus
from apps.events.errors import NoSuchEvent
from apps.events.models import Bout, Event
from apps.fighters.services import forget_profiles

LIST_KEY = "cache:events:list:v1"
CARD_KEY = "cache:event:detail:v1"
LIST_TTL_SECONDS = 60
CARD_TTL_SECONDS = 120
LIVE_CARD_TTL_SECONDS = 20
DEFAULT_PAGE_SIZE = 20
_IDS_AT_ONCE = 500
_LIST_NAME = "events.list"
_LIST = CachedRead(_LIST_NAME, ttl_seconds=LIST_TTL_SECONDS)
_CARD = CachedRead("events.card", ttl_seconds=CARD_TTL_SECONDS)


@dataclass(frozen=True, slots=True)
class ListQuestion:
    """Which events.  ``day_starts`` to ``day_ends`` is the local day that was asked for."""

    page: int = 1
    page_size: int = DEFAULT_PAGE_SIZE
    org: str = ""
    date: str = ""
    day_starts: datetime | None = None
    day_ends: datetime | None = None
    status: str = ""
    updated_since: datetime | None = None

    @property
    def is_plain(self) -> bool:
        return self.page == 1 and self.page_size == DEFAULT_PAGE_SIZE and not self.status


def event_list(asked: ListQuestion) -> Cached:
    """One page of events, newest start first, as the bytes of ``data``.

    A question with ``updated_since`` is new each time, so it is answered by the database.
    """
    if asked.updated_since is not None:
        return encode(load_event_list(asked))
    return _LIST.get(_list_key(asked), load=lambda: load_event_list(asked))


def event_card(event_id: int, *, spoilers: bool = True) -> Cached:
    """The card as the bytes of ``data``.  Raises NoSuchEvent."""
    key = _card_keys(event_id)[0 if spoilers else 1]
    return _CARD.get(key, load=lambda: load_event_card(event_id, spoilers=spoilers), at_most=_shorter_while_live)


def forget_event(*event_ids: int) -> None:
    """Drop the cards of these events and every list.  Inside the transaction that changes them."""
    forget(*(key for event_id in event_ids for key in _card_keys(event_id)), generations=[_LIST_NAME])


def forget_fighters_of_events(event_ids: Iterable[int]) -> None:
    """Profiles tell names and starts of events.  Inside the transaction that changes these."""
    for _events, fighters in _in_parts(Bout.objects.corners_on, event_ids):
        forget_profiles(fighters)


def forget_cards_of_fighters(fighter_ids: Iterable[int]) -> None:
    """Their names stand on cards and in the profiles of those they fought.  Inside the transaction that changes
    them."""
    for events, fighters in _in_parts(Bout.objects.corners_of, fighter_ids):
        forget(*(key for event_id in events for key in _card_keys(event_id)))
        forget_profiles(fighters)


def _in_parts(
    read: Callable[[list[int]], Iterable[tuple[int, int, int]]], ids: Iterable[int]
) -> Iterator[tuple[set[int], set[int]]]:
    """The events and the fighters of the bouts that ``read`` finds, for some ids at a time."""
    wanted = list(ids)
    for start in range(0, len(wanted), _IDS_AT_ONCE):
        bouts = list(read(wanted[start : start + _IDS_AT_ONCE]))
        yield {event_id for event_id, _red, _blue in bouts}, {corner for _event_id, *two in bouts for corner in two}


def load_event_list(asked: ListQuestion) -> dict[str, Any]:
    """The same from the database.  A page after the last is empty."""
    rows = Event.objects.asked_for(
        org=asked.org,
        status=asked.status,
        starts_from=asked.day_starts,
        starts_before=asked.day_ends,
        updated_since=asked.updated_since,
    )
    total = rows.count()
    start = (asked.page - 1) * asked.page_size
    now = timezone.now()
    shown = rows.newest_first().with_feed()[start : start + asked.page_size] if start < total else []
    return {
        "items": [list_item_of(event, now) for event in shown],
        "pagination": {
            "page": asked.page,
            "page_size": asked.page_size,
            "total": total,
            "total_pages": math.ceil(total / asked.page_size),
        },
    }


def load_event_card(event_id: int, *, spoilers: bool = True) -> dict[str, Any]:
    """Two queries, however many bouts.  Raises NoSuchEvent."""
    event = Event.objects.filter(pk=event_id).with_feed().first()
    if event is None:
        raise NoSuchEvent
    bouts = list(event.bouts.counting().with_corners().in_card_order())
    return card_of(event, bouts, timezone.now(), spoilers=spoilers)


def _shorter_while_live(card: dict[str, Any]) -> float | None:
    return LIVE_CARD_TTL_SECONDS if card["status"] == EventStatus.LIVE else None


def _card_keys(event_id: int) -> tuple[str, str]:
    return f"{CARD_KEY}:{event_id}", f"{CARD_KEY}:{event_id}:veiled"


def _list_key(asked: ListQuestion) -> str:
    key = f"{LIST_KEY}:{asked.org}:{asked.date}:{generation(_LIST_NAME)}"
    if asked.is_plain:
        return key
    variant = hashlib.sha256(f"{asked.page}|{asked.page_size}|{asked.status}".encode()).hexdigest()[:16]
    return f"{key}:{variant}"
