"""Which items are the same piece."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from apps.articles.enums import IdentityPolicy
from apps.articles.services.identity import (
    address_key,
    canonical_url,
    identity_hash,
    policy_seen_in,
    stable_id,
    text_hash,
)
from tests.articles.feeds import FIXTURES, SHARED, parsed

MOMENT = datetime(2026, 3, 1, tzinfo=UTC)


def identity(**changes: object) -> str:
    values: dict = {
        "source_id": 1,
        "policy": IdentityPolicy.URL,
        "url": "",
        "guid": "",
        "title": "",
        "published_at": None,
        "text": "",
    }
    return identity_hash(**values | changes)


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("https://News.Example:443/A?utm_source=x&id=7&at_medium=RSS#top", "https://news.example/A?id=7"),
        ("http://news.example:8080", "http://news.example:8080/"),
        ("https://news.example/?b=2&utm_id=9&a=1", "https://news.example/?b=2&a=1"),
        ("https://news.example/?t=%B8%F1%B6%B7", "https://news.example/?t=%B8%F1%B6%B7"),
        ("https://news.example/index.php?/news/1", "https://news.example/index.php?/news/1"),
        ("https://news.example/?x=1;y=2", "https://news.example/?x=1;y=2"),
        ("https://news.example/a;jsessionid=AA?id=1", "https://news.example/a?id=1"),
        ("https://news.example/?id=1&ref=rss&amp=1", "https://news.example/?id=1"),
        ("https://news.example/?ref=main", "https://news.example/?ref=main"),
        ("http://[::1]:80/a", "http://[::1]/a"),
        ("https://bücher.example/ä", "https://xn--bcher-kva.example/ä"),
        ("https://forum.example/show.asp?Board=3&ID=77", "https://forum.example/show.asp?Board=3&ID=77"),
        (
            "https://www.google.com/url?rct=j&url=https://arena.example/opens%3Futm_campaign%3Dx&ct=ga",
            "https://arena.example/opens",
        ),
        (
            "https://www.google.com/search?url=https://arena.example/",
            "https://www.google.com/search?url=https://arena.example/",
        ),
        ("javascript:alert(1)", ""),
        ("/relative", ""),
        ("http://[broken", ""),
        ("http://host:99999/", ""),
        ("", ""),
    ],
)
def test_canonical_url(url: str, canonical: str) -> None:
    assert canonical_url(url) == canonical


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://www.news.example/a/?id=1", "http://m.news.example/a?id=1"),
        ("https://news.example/a", "https://amp.news.example/a/amp/"),
        ("https://news.example/%E6%96%B0", "https://news.example/新"),
        ("https://news.example/%b8%f1", "https://news.example/%B8%F1"),
        ("https://news.example/?b=2&a=1", "https://news.example/?a=1&b=2"),
        ("https://news.example/?q=a%20b", "https://news.example/?q=a+b"),
        ("https://bücher.example/a", "https://xn--bcher-kva.example/a"),
    ],
)
def test_one_page_has_one_key(one: str, other: str) -> None:
    assert address_key(one) == address_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://news.example/%D0%C2%CE%C5", "https://news.example/%C8%FC%CA%C2"),
        ("https://news.example/?x=1%26y=2", "https://news.example/?x=1&y=2"),
        ("https://news.example/?q=a%2Bb", "https://news.example/?q=a+b"),
        ("https://news.example/?ns_id=7", "https://news.example/?ns_id=8"),
        ("https://news.example/a%2Fb", "https://news.example/a/b"),
        ("https://www.com/a", "https://com/a"),
    ],
)
def test_different_pages_have_different_keys(one: str, other: str) -> None:
    assert address_key(one) != address_key(other)


@pytest.mark.parametrize(
    "other",
    [
        "https://news.example/story?utm_source=feed",
        "https://news.example/story#comments",
        "http://news.example/story",
        "https://NEWS.example/story/",
        "https://news.example/%73tory",
    ],
)
def test_spellings_of_one_address_are_one_piece_across_sources(other: str) -> None:
    assert identity(url=other, source_id=2, guid="x") == identity(url="https://news.example/story", guid="y")


def test_without_an_address_the_id_counts_without_its_counter_and_only_within_its_source() -> None:
    assert stable_id("https://x.example/a#12") == "https://x.example/a"
    assert identity(guid="a#0") == identity(guid="a#7")
    assert identity(guid="a#0") != identity(guid="b#0")
    assert identity(guid="a") != identity(guid="a", source_id=2)


def test_without_address_and_id_title_and_time_count_and_then_the_text() -> None:
    assert identity(title="Ｎews  flash", published_at=MOMENT) == identity(title="news flash", published_at=MOMENT)
    assert identity(title="news", published_at=MOMENT) != identity(title="news", published_at=None)
    assert identity(title="news", text="a") != identity(title="news", text="b")


def test_a_title_in_full_width_letters_is_the_same_title() -> None:
    assert text_hash("ＵＦＣ ３３１") == text_hash("ufc 331")
    assert text_hash("走红") != text_hash("走紅")


def test_the_fragment_matters_only_where_the_feed_shows_it() -> None:
    diary = [(item.url, item.title, item.guid) for item in parsed("untitled_fragments.rss").items]

    assert policy_seen_in(diary) == IdentityPolicy.URL_FRAGMENT
    assert (
        policy_seen_in([("https://a.example/1#reply3", "One", ""), ("https://a.example/2#reply9", "Two", "")]) is None
    )
    assert policy_seen_in([("https://a.example/1#0", "One", ""), ("https://a.example/1#5", "One, edited", "")]) is None
    assert policy_seen_in([("https://a.example/1#top", "One", ""), ("https://a.example/1#end", "One", "")]) is None
    keep = IdentityPolicy.URL_FRAGMENT
    assert len({identity(url=url, policy=keep) for url, _title, _id in diary}) == 3


FRONT = "https://a.example/"


@pytest.mark.parametrize(
    ("items", "policy"),
    [
        ([(FRONT, "One", "1"), (FRONT, "Two", "2"), (FRONT, "Three", "3")], IdentityPolicy.ID),
        ([(FRONT, "One", ""), (FRONT, "Two", ""), (FRONT, "Three", "")], IdentityPolicy.TITLE),
        ([(FRONT, "One", "1"), (FRONT, "Two", "1#2"), (FRONT, "Three", "1#3")], IdentityPolicy.TITLE),
        ([(FRONT, "One", "1"), (FRONT, "One, edited", "2")], None),
        ([(FRONT + str(n), f"Number {n}", str(n)) for n in range(9)], None),
        ([("", "One", "1"), ("", "Two", "2"), ("", "Three", "3")], None),
    ],
)
def test_a_feed_whose_items_share_a_page_is_told_apart_otherwise(items: list, policy: IdentityPolicy | None) -> None:
    assert policy_seen_in(items) == policy
    if policy is not None:
        seen = {identity(url=url, title=title, guid=guid, policy=policy) for url, title, guid in items}
        assert len(seen) == (3 if policy == IdentityPolicy.TITLE or items[0][2] else 0)


def pieces_in(polls: list[Path]) -> dict[str, set[str]]:
    titles: dict[str, set[str]] = {}
    for poll in polls:
        for item in json.loads(poll.read_text(encoding="utf-8"))["items"]:
            key = identity(url=item["url"], guid=item["id"], title=item["title"])
            titles.setdefault(key, set()).add(text_hash(item["title"]))
    return titles


def test_counters_in_ids_make_no_second_piece() -> None:
    pieces = pieces_in(sorted((FIXTURES / "polls").glob("*.json")))

    assert len(pieces) == 4
    assert sorted(len(titles) for titles in pieces.values()) == [1, 1, 1, 2]


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared feeds are not here")
def test_the_ten_polls_of_the_bbc_hold_67_pieces_two_of_them_with_an_edited_headline() -> None:
    polls = sorted((SHARED / "polls_bbc_chinese_trad").glob("*.json"))
    pieces = pieces_in(polls)

    assert len(polls) == 10
    assert len(pieces) == 67
    assert sum(len(titles) - 1 for titles in pieces.values()) == 2
