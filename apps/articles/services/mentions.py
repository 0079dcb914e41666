"""The rows of fighters and events that a piece or an article names: deciding on them, and the way back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from apps.articles.models import Article, Mention, PendingArticle
from apps.articles.services.wording import refusal
from apps.core.db import locked
from apps.core.errors import NotFound
from apps.events.models import Event
from apps.fighters.models import Fighter

MOST_NAMED = 50
# No row: what undoing a name that was added by hand brings back.
_NOTHING = ""


@dataclass(frozen=True, slots=True)
class Naming:
    """A person's word on some names, as keys ``fighter:12`` and ``event:7``.

    ``confirmed``: the piece is about them, whether suggested or not.  ``dismissed``: it is not.  Others stay as they
    are: a suggestion that came after the page was drawn is decided on by nobody.
    """

    confirmed: frozenset[str] = frozenset()
    dismissed: frozenset[str] = frozenset()

    @classmethod
    def of_ids(
        cls,
        *,
        fighters: Iterable[int] = (),
        events: Iterable[int] = (),
        no_fighters: Iterable[int] = (),
        no_events: Iterable[int] = (),
    ) -> Naming:
        return cls(
            confirmed=frozenset([*(f"fighter:{pk}" for pk in fighters), *(f"event:{pk}" for pk in events)]),
            dismissed=frozenset([*(f"fighter:{pk}" for pk in no_fighters), *(f"event:{pk}" for pk in no_events)]),
        )

    @classmethod
    def ticked(cls, ticked: Iterable[str], shown: Iterable[str]) -> Naming:
        """From a form with boxes: what was shown and is not ticked, is dismissed."""
        chosen = frozenset(ticked)
        return cls(confirmed=chosen, dismissed=frozenset(shown) - chosen)


@dataclass(frozen=True, slots=True)
class Named:
    """What changed: the states before, for undo, and the confirmed names before and after, for the audit log."""

    before: Mapping[str, str]
    old: list[str]
    new: list[str]


def decide(owner: PendingArticle | Article, naming: Naming) -> Named | None:
    """Carry the person's word out on a locked piece or article; None when nothing changes.

    Raises NotFound for a fighter or event that does not exist, Invalid for more than 50 names and for what is no key.
    """
    if len(naming.confirmed) + len(naming.dismissed) > 2 * MOST_NAMED or len(naming.confirmed) > MOST_NAMED:
        raise refusal("names", "max_length", _("At most 50 names."))
    rows = {row.key: row for row in locked(_rows_of(owner))}
    # A row stays as it is named, also when its fighter was merged since: undoing the merge must find it.
    confirmed = [*(naming.confirmed & rows.keys()), *_existing(naming.confirmed - rows.keys())]
    wanted = dict.fromkeys(naming.dismissed & rows.keys(), Mention.State.DISMISSED)
    wanted |= dict.fromkeys(confirmed, Mention.State.CONFIRMED)
    changes = {key: state for key, state in wanted.items() if key not in rows or rows[key].state != state}
    if not changes:
        return None
    old = sorted(key for key, row in rows.items() if row.is_confirmed)
    before = {key: rows[key].state if key in rows else _NOTHING for key in changes}
    for key, state in changes.items():
        _put(owner, rows.get(key), key, state)
    now_confirmed = (set(old) - changes.keys()) | {key for key, state in changes.items() if state == "confirmed"}
    return Named(before, old, sorted(now_confirmed))


def restore(owner: PendingArticle | Article, before: Mapping[str, str]) -> None:
    """Undo ``decide`` on a locked piece or article."""
    rows = {row.key: row for row in locked(_rows_of(owner))}
    for key, state in before.items():
        row = rows.get(key)
        if row is None:
            continue
        if state == _NOTHING:
            row.delete()
        else:
            row.state = state
            row.save(update_fields=["state"])


def publish_mentions(article: Article) -> None:
    """What the approved piece was confirmed to be about, readers are told."""
    Mention.objects.filter(pending=article.pending_id).confirmed().update(article=article)


def ticked_beforehand(mentions: Iterable[Mention]) -> list[tuple[Mention, bool]]:
    """For a form with boxes: what was confirmed is ticked, and what was found for sure and nobody has dismissed."""
    return [
        (row, row.is_confirmed or (row.is_sure and row.state == Mention.State.SUGGESTED))
        for row in sorted(mentions, key=lambda row: (row.is_dismissed, row.event_id is not None, row.pk))
    ]


def of_article(article: Article) -> QuerySet[Mention]:
    """Confirmed and suggested ones, for the page of the article."""
    return _rows_of(article).with_names()  # type: ignore[attr-defined,no-any-return]


def _rows_of(owner: PendingArticle | Article) -> QuerySet[Mention]:
    if isinstance(owner, PendingArticle):
        return Mention.objects.filter(pending=owner)
    ours = Q(article=owner)
    return Mention.objects.filter(ours | Q(pending=owner.pending_id) if owner.pending_id else ours)


def _put(owner: PendingArticle | Article, row: Mention | None, key: str, state: str) -> None:
    row = row or _new(owner, key)
    row.state = state
    if isinstance(owner, Article):
        row.article = owner
    row.save()


def _new(owner: PendingArticle | Article, key: str) -> Mention:
    kind, number = _split(key)
    pending_id = owner.pk if isinstance(owner, PendingArticle) else owner.pending_id
    return Mention(pending_id=pending_id, **{f"{kind}_id": number})


def _existing(keys: Iterable[str]) -> list[str]:
    """The keys in a fixed order; a fighter who was merged stands for the one who was kept."""
    asked: dict[str, set[int]] = {"fighter": set(), "event": set()}
    for key in keys:
        kind, number = _split(key)
        asked[kind].add(number)
    people = dict(Fighter.objects.filter(pk__in=asked["fighter"]).values_list("pk", "merged_into"))
    if len(people) != len(asked["fighter"]):
        raise NotFound(_("There is no such fighter."))
    events = set(Event.objects.filter(pk__in=asked["event"]).values_list("pk", flat=True))
    if len(events) != len(asked["event"]):
        raise NotFound(_("There is no such event."))
    kept = {kept or pk for pk, kept in people.items()}
    return [*(f"fighter:{pk}" for pk in sorted(kept)), *(f"event:{pk}" for pk in sorted(events))]


def _split(key: str) -> tuple[str, int]:
    kind, _colon, number = key.partition(":")
    if kind not in ("fighter", "event") or not (number.isascii() and number.isdigit()) or len(number) > 18:
        raise refusal("names", "invalid", _("Choose fighters and events from the list."))
    return kind, int(number)
