"""The cached public reads: keys, time to live, loading and forgetting (section G).

The first page without filters lives under exactly ``cache:articles:list:v1``.  Every other page, and every article,
lives under a key with a generation number; forgetting raises the number and the old entries end by their time to
live, so no key scan is ever needed.  What a caller can vary without end (a moment, a cursor, a late page, an unusual
page size) is read from the database by index and never kept; what was not found (an article, a filter's empty page)
is kept for a second, for those who ask at once: nobody can fill Redis with names of things that don't exist.

Fighters and events stand in it by their present names: one that is renamed or merged shows its old name until the
entry ends by its time to live, at most 120 s; forgetting every list with each change of a fighter would cost more.

An entry lives no longer than the rights to the pictures and videos in it (D-9).

The total of a list is exact and does not cost a COUNT of the whole table each time: what was published before the
last half minute is counted once per filter and kept until an article leaves that part or comes back to it; the newest
are counted at each load.  Not promised: a publication whose transaction took longer than that half minute may be
missing from totals until the kept number ends.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import orjson
from django.db.models import Q
from django.utils import timezone

from apps.articles.models import Article, Mention
from apps.articles.querysets import ArticleQuerySet
from apps.core.cache import Cached, CachedRead, encode, forget, generation, raise_generation

LIST_KEY = "cache:articles:list:v1"
DETAIL_KEY = "cache:articles:detail:v1"
TOTAL_KEY = "cache:articles:total:v1"
LIST_TTL_SECONDS = 120
DEFAULT_PAGE_SIZE = 20
KEPT_PAGES = 5
KEPT_PAGE_SIZES = frozenset({10, DEFAULT_PAGE_SIZE, 50, 100})
NOTHING_TTL_SECONDS = 1.0
# A change whose transaction is still open has an earlier time than one that is committed: who comes back asks from
# this long before the answer, and nothing is missed.
LATE_COMMIT = timedelta(seconds=30)
_NAME, _SETTLED = "articles.list", "articles.settled"
_LIST = CachedRead(_NAME, ttl_seconds=LIST_TTL_SECONDS)
_DETAIL = CachedRead("articles.detail", ttl_seconds=LIST_TTL_SECONDS)
_TOTAL = CachedRead("articles.total", ttl_seconds=LIST_TTL_SECONDS)


@dataclass(frozen=True, slots=True)
class Position:
    """The row after which a walk goes on: its time and id, as an opaque text for the caller."""

    moment: datetime
    number: int

    def encoded(self) -> str:
        text = f"{self.moment.isoformat()}|{self.number}"
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def decoded(cls, text: str) -> Self:
        """Raises ValueError for a text that none of ours is."""
        try:
            plain = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode("ascii")
            moment, _, number = plain.partition("|")
            at = datetime.fromisoformat(moment)
            # As the database will ask for it; the first and the last day have no UTC in some zones.
            found = cls(at.astimezone(UTC), int(number))
        except (binascii.Error, UnicodeError, ValueError, OverflowError) as error:
            raise ValueError("not a cursor") from error
        if at.tzinfo is None or not 0 <= found.number < 2**63:
            raise ValueError("not a cursor")
        return found


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What a reader asks of the list; values are checked.  ``after`` walks on from a row and counts nothing."""

    page: int = 1
    page_size: int = DEFAULT_PAGE_SIZE
    source_id: int | None = None
    language: str = ""
    fighter_id: int | None = None
    event_id: int | None = None
    since: datetime | None = None
    by_cursor: bool = False
    after: Position | None = None

    @property
    def is_timeless(self) -> bool:
        return self.since is None and not self.by_cursor

    @property
    def is_kept(self) -> bool:
        return self.is_timeless and self.page <= KEPT_PAGES and self.page_size in KEPT_PAGE_SIZES

    @property
    def is_unfiltered(self) -> bool:
        return self.source_id is None and not self.language and not self.names_somebody

    @property
    def names_somebody(self) -> bool:
        """Few articles do, and a merge of fighters changes how many: counted at each load."""
        return self.fighter_id is not None or self.event_id is not None

    def key(self) -> str:
        if self == FIRST_PAGE:
            return LIST_KEY
        return f"{LIST_KEY}:{generation(_NAME)}:{_short(f'{self.page}|{self.page_size}|{self._filters}')}"

    def total_key(self) -> str:
        return f"{TOTAL_KEY}:{generation(_SETTLED)}:{_short(self._filters)}"

    @property
    def _filters(self) -> str:
        return f"{self.source_id}|{self.language}|{self.fighter_id}|{self.event_id}"

    def rows(self) -> ArticleQuerySet:
        rows = Article.objects.for_public_list()
        if self.source_id is not None:
            rows = rows.filter(source_id=self.source_id)
        if self.language:
            rows = rows.filter(language=self.language)
        if self.fighter_id is not None:
            rows = rows.naming_fighter(self.fighter_id)
        if self.event_id is not None:
            rows = rows.naming_event(self.event_id)
        if self.since is not None:
            rows = rows.filter(published_at__gte=self.since)
        return rows


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


FIRST_PAGE = ListQuery()


def public_list(query: ListQuery = FIRST_PAGE) -> Cached:
    """Published articles, newest first, as the bytes of ``data``."""
    if not query.is_kept:
        return encode(load_public_list(query))
    at_most = _seconds_of_rights if query == FIRST_PAGE else _seconds_of_variant
    return _LIST.get(query.key(), load=lambda: load_public_list(query), at_most=at_most)


def public_article(article_id: int) -> Cached:
    """One article as the bytes of ``data``; ``null`` when it has no address for readers."""
    key = f"{DETAIL_KEY}:{generation(_NAME)}:{article_id}"
    return _DETAIL.get(key, load=lambda: load_public_article(article_id), at_most=_seconds_of_variant)


def public_changes(since: datetime, *, after: Position | None, page_size: int) -> Cached:
    """``load_changes`` as bytes.  The ETag leaves ``as_of`` out: that of a copy holds as long as nothing changes."""
    changes = load_changes(since, after=after, page_size=page_size)
    return Cached(body=encode(changes).body, etag=encode(changes | {"as_of": None}).etag)


def forget_public_list(*, recount: bool = False) -> None:
    """To be called inside the transaction that changes what readers see; takes effect on its commit.

    ``recount``: an article left the list, or came back to its old place in it.
    """
    if recount:
        # Before the lists: none of them may be filled with the old total after it was forgotten itself.
        raise_generation(_SETTLED)
    forget(LIST_KEY)
    raise_generation(_NAME)


def load_public_list(query: ListQuery = FIRST_PAGE) -> dict[str, Any]:
    """The same from the database.  A page after the last is empty."""
    return _walked(query) if query.by_cursor else _paged(query)


def load_public_article(article_id: int) -> dict[str, Any] | None:
    article = Article.objects.for_public_page().filter(pk=article_id).first()
    return None if article is None else public_fields(article, timezone.now())


def load_changes(since: datetime, *, after: Position | None, page_size: int) -> dict[str, Any]:
    """What changed for readers since then, oldest change first; of what is gone a tombstone.

    ``as_of`` is the ``updated_since`` of the next question: a little before now, so that an entry may come twice and
    none is missed.
    """
    now = timezone.now()
    rows = Article.objects.changed_since(since)
    if after is not None:
        rows = rows.filter(updated_at__gte=after.moment).filter(Q(updated_at__gt=after.moment) | Q(pk__gt=after.number))
    found = list(rows[: page_size + 1])
    last = found[page_size - 1] if len(found) > page_size else None
    return {
        "items": [public_fields(article, now) for article in found[:page_size]],
        "pagination": {
            "page_size": page_size,
            "next_cursor": Position(last.updated_at, last.pk).encoded() if last else None,
        },
        "as_of": now - LATE_COMMIT,
    }


def _paged(query: ListQuery) -> dict[str, Any]:
    rows = query.rows()
    total = _total(query)
    start = (query.page - 1) * query.page_size
    found = list(rows[start : start + query.page_size]) if start < total else []
    more = start + len(found) < total
    return _answer(
        found,
        more=more and bool(found),
        page=query.page,
        page_size=query.page_size,
        total=total,
        total_pages=math.ceil(total / query.page_size),
    )


def _total(query: ListQuery) -> int:
    if not query.is_timeless or query.names_somebody:
        return query.rows().count()
    at_most = None if query.is_unfiltered else _seconds_of_number
    settled = orjson.loads(_TOTAL.get(query.total_key(), load=lambda: _count_settled(query), at_most=at_most).body)
    newest = query.rows().filter(published_at__gte=datetime.fromisoformat(settled["before"]))
    return int(settled["number"]) + newest.count()


def _count_settled(query: ListQuery) -> dict[str, Any]:
    """How many were published so long ago that no open transaction can add to them."""
    before = timezone.now() - LATE_COMMIT
    return {"before": before, "number": query.rows().filter(published_at__lt=before).count()}


def _walked(query: ListQuery) -> dict[str, Any]:
    rows = query.rows()
    if query.after is not None:
        at = query.after
        rows = rows.filter(published_at__lte=at.moment).filter(Q(published_at__lt=at.moment) | Q(pk__lt=at.number))
    found = list(rows[: query.page_size + 1])
    return _answer(found[: query.page_size], more=len(found) > query.page_size, page_size=query.page_size)


def _answer(found: list[Article], *, more: bool, **numbers: int) -> dict[str, Any]:
    now = timezone.now()
    last = found[-1] if more else None
    cursor = Position(last.published_at, last.pk).encoded() if last and last.published_at else None
    return {
        "items": [public_fields(article, now) for article in found],
        "pagination": {**numbers, "next_cursor": cursor},
    }


def public_fields(article: Article, now: datetime) -> dict[str, Any]:
    """What anybody may see: title, summary, link (D-8); picture and video only as far as the source's rights go.

    A retracted article has lost its words: its title, its notice and the time remain.  Of one that is gone nothing
    remains but its number: a tombstone for those who keep copies.
    """
    is_public = article.status == Article.Status.PUBLISHED
    is_known = is_public or article.status == Article.Status.RETRACTED
    source = article.source
    can_play = is_public and bool(article.video_url) and source is not None and source.may_play_videos(now)
    shows_picture = is_public and bool(article.cover_url) and source is not None and source.may_show_pictures(now)
    return {
        "id": article.pk,
        "state": article.status if is_known else "gone",
        "source_id": article.source_id,
        "source_name": source.name if source is not None else "",
        "language": article.language,
        "fighters": _fighters(article) if is_public else [],
        "events": _events(article) if is_public else [],
        "title": article.title if is_known else "",
        "summary": article.summary if is_public else "",
        "source_url": article.source_url if is_public else "",
        "cover_url": article.cover_url if shows_picture else "",
        "video_url": article.video_url if can_play else "",
        "can_play": can_play,
        "media_until": source.rights_expires_at if source is not None and (can_play or shows_picture) else None,
        "published_at": article.published_at if is_known else None,
        "source_published_at": article.source_published_at if is_known else None,
        "updated_at": article.updated_at,
        "corrected_at": article.corrected_at if is_known else None,
        "retracted_at": article.retracted_at if is_known else None,
        "notice": article.notice if is_known else "",
    }


def _fighters(article: Article) -> list[dict[str, Any]]:
    """Each person once, by the row that a merge kept."""
    people = [row.fighter for row in _confirmed(article) if row.fighter is not None]
    kept = {person.pk: person for person in (fighter.merged_into or fighter for fighter in people)}
    return [{"id": person.pk, "name": person.name, "name_zh": person.name_zh} for person in kept.values()]


def _events(article: Article) -> list[dict[str, Any]]:
    return [{"id": row.event.pk, "name": row.event.name} for row in _confirmed(article) if row.event is not None]


def _confirmed(article: Article) -> Iterable[Mention]:
    """As ``with_confirmed_mentions`` brought them along."""
    rows: Iterable[Mention] = article.confirmed_mentions  # type: ignore[attr-defined]
    return rows


def _seconds_of_number(settled: dict[str, Any]) -> float | None:
    return None if settled["number"] else NOTHING_TTL_SECONDS


def _seconds_of_variant(data: dict[str, Any] | None) -> float | None:
    """An address that leads to nothing is kept for a moment only: there is no end of them."""
    return _seconds_of_rights(data) if data and data.get("items", [data]) else NOTHING_TTL_SECONDS


def _seconds_of_rights(data: dict[str, Any] | None) -> float | None:
    """How long the rights to what is shown last; None when nothing in it ends."""
    items: Iterable[dict[str, Any]] = () if data is None else data.get("items", [data])
    ends = [item["media_until"] for item in items if item["media_until"] is not None]
    return max(0.0, (min(ends) - timezone.now()).total_seconds()) if ends else None
