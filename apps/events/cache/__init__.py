"""Cached reads of events and what they look like: ``reading`` (keys, forgetting), ``card`` (the form)."""

from apps.events.cache.card import (
    bout_of,
    card_of,
    freshness_of,
    instant,
    seen_without_spoilers,
    veiled_bout,
    veiled_change,
    veiled_state,
)
from apps.events.cache.reading import (
    CARD_KEY,
    DEFAULT_PAGE_SIZE,
    LIST_KEY,
    ListQuestion,
    event_card,
    event_list,
    forget_cards_of_fighters,
    forget_event,
    forget_fighters_of_events,
    load_event_card,
    load_event_list,
)

__all__ = [
    "CARD_KEY",
    "DEFAULT_PAGE_SIZE",
    "LIST_KEY",
    "ListQuestion",
    "bout_of",
    "card_of",
    "event_card",
    "event_list",
    "forget_cards_of_fighters",
    "forget_event",
    "forget_fighters_of_events",
    "freshness_of",
    "instant",
    "load_event_card",
    "load_event_list",
    "seen_without_spoilers",
    "veiled_bout",
    "veiled_change",
    "veiled_state",
]
