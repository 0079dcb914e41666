"""Cached reads of fighters: profiles and searches, their keys, loading and forgetting (F-1, F-4, F-5, section G).

A search lives under a hash of what was typed, folded: ``Zhang  WEILI`` and ``zhang weili`` share an entry, and no
key holds foreign text.  The generation in it makes every search unreachable when a fighter changes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import orjson

from apps.core.cache import Cached, CachedRead, encode, forget, raise_generation
from apps.core.errors import NotFound
from apps.fighters.enums import country_zh
from apps.fighters.models import Fighter
from apps.fighters.querysets.search import Asked, Hit
from apps.fighters.registry import change_listeners, profile_sections

DETAIL_TTL_SECONDS = 300
SEARCH_TTL_SECONDS = 120
MOST_HITS = 20
MOST_UPDATES = 30
_SEARCH_NAME = "fighters.search"
_SEARCH_KEY = "cache:fighter:search:v1"
_DETAIL = CachedRead("fighters.detail", ttl_seconds=DETAIL_TTL_SECONDS)
_SEARCH = CachedRead(_SEARCH_NAME, ttl_seconds=SEARCH_TTL_SECONDS)
# What a result changes, as those see it who hide results.
_MOVED_BY_RESULTS: dict[str, Any] = {
    "record": None,
    "last_bout_on": None,
    "rankings": [],
    "stats": {},
    "records": [],
    "updates": [],
    "version": None,
    "updated_at": None,
}
_NOT_MERGED = b'{"merged_into":null,'
_NOTHING = encode({"items": []})


def profile(fighter_id: int, *, spoilers: bool = True) -> Cached:
    """The bytes of a profile.  Raises NotFound.  A merged fighter's holds only ``merged_into``."""
    key = _detail_keys(fighter_id)[0 if spoilers else 1]
    return _DETAIL.get(key, load=lambda: load_profile(fighter_id, spoilers=spoilers))


def successor_of(cached: Cached) -> int | None:
    """Whom a merged fighter's bytes lead to, without reading a whole profile."""
    if cached.body.startswith(_NOT_MERGED):
        return None
    return int(orjson.loads(cached.body)["merged_into"])


def search(typed: str) -> Cached:
    """The bytes of a list of hits; nothing to look for is an empty list and no entry."""
    asked = _digest(typed)
    if not asked:
        return _NOTHING
    return _SEARCH.of_generation(_SEARCH_NAME, _SEARCH_KEY, asked, load=lambda: load_search(typed))


def forget_fighters(fighter_ids: Iterable[int], *, only_counts: bool = False) -> None:
    """To be called inside the transaction that changes them or their keys; takes effect on its commit.

    Their names stand elsewhere too: whoever shows them is told.  ``only_counts``: nothing but what is counted from
    bouts has changed.
    """
    ids = list(fighter_ids)
    forget_profiles(ids)
    raise_generation(_SEARCH_NAME)
    for listener in change_listeners(only_counts=only_counts):
        listener(ids)


def forget_profiles(fighter_ids: Iterable[int]) -> None:
    """The same for what stands in their profiles alone, as a bout, its event or an opponent's name."""
    forget(*(key for fighter_id in fighter_ids for key in _detail_keys(fighter_id)))


def load_search(typed: str) -> dict[str, Any]:
    return {"items": [hit_fields(hit) for hit in Fighter.objects.search(typed, limit=MOST_HITS)]}


def hit_fields(hit: Hit) -> dict[str, Any]:
    """What a list of hits shows: weight class, birth year and last bout tell two people of one name apart."""
    return {
        "id": hit.id,
        "name": hit.name,
        "name_zh": hit.name_zh,
        "nickname": hit.nickname,
        "country": hit.country,
        "country_zh": country_zh(hit.country),
        "weight_class": hit.weight_class,
        "birth_year": hit.birth_year,
        "last_bout_on": hit.last_bout_on,
        "record": hit.record,
        "rank": hit.best_rank,
        "avatar_url": hit.avatar_url,
        "is_unconfirmed": hit.is_unconfirmed,
    }


def load_profile(fighter_id: int, *, spoilers: bool = True) -> dict[str, Any]:
    """The profile from the database.  Raises NotFound.  Without spoilers nothing is in it that a result moves."""
    fighter = Fighter.objects.filter(pk=fighter_id).first()
    if fighter is None:
        raise NotFound
    if fighter.merged_into_id is not None:
        return {"merged_into": fighter.merged_into_id, "id": fighter.pk}
    sections = {name: load(fighter.pk, spoilers=spoilers) for name, load in profile_sections().items()}
    return {**_own_fields(fighter), **({} if spoilers else _MOVED_BY_RESULTS), "spoilers": spoilers, **sections}


def _own_fields(fighter: Fighter) -> dict[str, Any]:
    updates = fighter.updates.newest_first()[:MOST_UPDATES]
    return {
        "merged_into": None,
        "id": fighter.pk,
        "name": fighter.name,
        "name_zh": fighter.name_zh,
        "nickname": fighter.nickname,
        "aliases": list(fighter.aliases.order_by("name").values_list("name", flat=True)),
        "country": fighter.country,
        "country_zh": country_zh(fighter.country),
        "weight_class": fighter.weight_class,
        "height_mm": fighter.height_mm,
        "reach_mm": fighter.reach_mm,
        "stance": fighter.stance,
        "birth_date": fighter.birth_date,
        "record": fighter.record,
        "last_bout_on": fighter.last_bout_on,
        "rankings": list(
            fighter.rankings.current().order_by("place", "division").values("division", "place", "valid_from")
        ),
        "avatar_url": fighter.avatar_url,
        "intro_video_url": fighter.intro_video_url,
        "media": list(fighter.media.order_by("id").values("kind", "url", "caption", "credit")),
        "stats": fighter.stats,
        "records": fighter.records,
        "updates": [
            {"id": update.pk, "content": update.content, "published_at": update.published_at} for update in updates
        ],
        "version": fighter.version,
        "updated_at": fighter.updated_at,
    }


def _detail_keys(fighter_id: int) -> tuple[str, str]:
    """With results and without."""
    key = f"cache:fighter:detail:v1:{fighter_id}"
    return key, f"{key}:veiled"


@lru_cache(maxsize=4096)
def _digest(typed: str) -> str:
    """Empty when there is nothing to look for.  Words are parted by blanks: "zhu rong" and "zhurong" may find in
    another order."""
    asked = Asked.of(typed)
    return hashlib.sha256(" ".join(asked.words).encode()).hexdigest()[:32] if asked.text else ""
