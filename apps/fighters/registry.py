"""What higher apps add to a fighter's profile: bouts belong to events, which stand above.

    register_profile_section("next_bouts", next_bouts_of)      # in events' ``ready()``: fighter id -> plain data

``spoilers=False`` asks a section to leave out how bouts ended.

A section's change forgets the profile through ``services.forget_fighters``.

    register_offer_taker("bout", take_offer_for_bout)  # what a source was refused, and a person takes after all

    register_change_listener(forget_cards_of_fighters)         # ids, inside the transaction of the change
    register_change_listener(touch_cards_of_fighters, on_counts=False)       # not where only the record has changed
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

ChangeListener = Callable[[Iterable[int]], None]


class Section(Protocol):
    def __call__(self, fighter_id: int, *, spoilers: bool = True) -> Any: ...


_sections: dict[str, Section] = {}


def register_profile_section(name: str, load: Section) -> None:
    """Raises ValueError for a second section of the same name."""
    if name in _sections and _sections[name] is not load:
        raise ValueError(f"the profile has a section {name!r} already")
    _sections[name] = load


def profile_sections() -> Mapping[str, Section]:
    return _sections


class OfferTaker(Protocol):
    """Carry out what a source was refused, inside the transaction that closes the offer."""

    def __call__(self, change: Any, *, actor: Any) -> None: ...


_offer_takers: dict[str, OfferTaker] = {}


def register_offer_taker(resource_type: str, take: OfferTaker) -> None:
    """Raises ValueError for a second one for the same kind of row."""
    if _offer_takers.setdefault(resource_type, take) is not take:
        raise ValueError(f"offers for {resource_type!r} are taken by somebody already")


def offer_takers() -> Mapping[str, OfferTaker]:
    return _offer_takers


# With whether it wants to know also of records, which follow from bouts.
_change_listeners: dict[ChangeListener, bool] = {}


def register_change_listener(listener: ChangeListener, *, on_counts: bool = True) -> None:
    """Call ``listener`` whenever what is shown of fighters changes: their names stand elsewhere too."""
    _change_listeners[listener] = on_counts


def change_listeners(*, only_counts: bool = False) -> tuple[ChangeListener, ...]:
    return tuple(listener for listener, on_counts in _change_listeners.items() if on_counts or not only_counts)
