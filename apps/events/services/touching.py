"""Cards on which a fighter stands who is called something else now."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from apps.core.db import locked
from apps.events.cache import forget_event
from apps.events.enums import EventStatus
from apps.events.models import Bout, Event
from apps.events.services.announcing import announce_cards

_AT_ONCE = 500


def touch_cards_of_fighters(fighter_ids: Iterable[int]) -> None:
    """``updated_since`` finds the cards to come and those that are live, and listeners read them anew.

    After the commit, in a transaction of its own: the caller has locked the fighters, and events come before them.
    Cards that are over keep their moment; the next reader sees the new name all the same.
    """
    ids = list(fighter_ids)
    if ids:
        # The change itself stands, whatever happens to the cards.
        transaction.on_commit(lambda: _touch(ids), robust=True)


def _touch(fighter_ids: list[int]) -> None:
    cards: set[int] = set()
    current = Bout.objects.exclude(event__status=EventStatus.COMPLETED)
    for start in range(0, len(fighter_ids), _AT_ONCE):
        part = fighter_ids[start : start + _AT_ONCE]
        on = current.filter(Q(red_fighter__in=part) | Q(blue_fighter__in=part))
        cards.update(on.order_by().values_list("event_id", flat=True))
    if cards:
        _raise_versions(cards)


@transaction.atomic
def _raise_versions(event_ids: set[int]) -> None:
    events = list(locked(Event.objects.filter(pk__in=event_ids)))
    now = timezone.now()
    for event in events:
        event.version += 1
        event.updated_at = now
    Event.objects.bulk_update(events, ["version", "updated_at"], batch_size=_AT_ONCE)
    forget_event(*event_ids)
    announce_cards(event_ids)
