"""Which of an item's links is its page, and what a relative one is relative to; feeds that one character breaks."""

from __future__ import annotations

import pytest

from apps.articles.clients.parsed import ParsedItem
from apps.articles.clients.parsers import parse
from apps.articles.errors import FeedUnreadable

FEED = "https://base.example/feeds/1.atom"


def atom(links: str, *, attributes: str = "", guid: str = "tag:1", more: str = "") -> ParsedItem:
    body = (
        f'<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"{attributes}><title>x</title>'
        f"<entry><id>{guid}</id><title>t</title>{links}{more}</entry></feed>"
    )
    (item,) = parse("feed", body.encode(), url=FEED).items
    return item


@pytest.mark.parametrize(
    ("links", "page"),
    [
        ('<link rel="self" href="https://e.example/1.atom"/><link href="https://e.example/p"/>', "https://e.example/p"),
        ('<link rel="replies" href="https://e.example/c"/><link href="https://e.example/p"/>', "https://e.example/p"),
        ('<link rel="edit" href="https://e.example/c"/><link rel="alternate" href="/p"/>', "https://base.example/p"),
        (
            (
                '<link rel="alternate" type="application/json" href="https://e.example/p.json"/>'
                '<link rel="alternate" type="text/html" href="https://e.example/p"/>'
            ),
            "https://e.example/p",
        ),
        ('<link rel="alternate" type="application/json" href="https://e.example/p.json"/>', "https://e.example/p.json"),
        ('<link href=""/><link rel=" Alternate " href=" https://e.example/p "/>', "https://e.example/p"),
        ('<link rel="self" href="https://e.example/1.atom"/>', "https://e.example/1.atom"),
        ('<link rel="replies" href="https://e.example/c"/>', ""),
        ("", ""),
    ],
)
def test_the_link_to_the_page_is_taken(links: str, page: str) -> None:
    assert atom(links).url == page


@pytest.mark.parametrize("relation", ["self", "replies", "enclosure"])
def test_an_address_as_id_is_better_than_a_link_elsewhere(relation: str) -> None:
    item = atom(f'<link rel="{relation}" href="https://e.example/else"/>', guid="https://e.example/p")

    assert item.url == "https://e.example/p"


def test_a_link_as_text_is_the_items_own() -> None:
    body = (
        b'<rss xmlns:atom="http://www.w3.org/2005/Atom"><channel><title>x</title><item><title>t</title>'
        b'<atom:link rel="alternate" href="https://e.example/short"/><link> https://e.example/own </link></item>'
        b'<item><title>u</title><atom:link href="https://e.example/u"/></item></channel></rss>'
    )

    items = parse("feed", body, url=FEED).items

    assert [item.url for item in items] == ["https://e.example/own", "https://e.example/u"]


@pytest.mark.parametrize(
    ("base", "page", "inside"),
    [
        ("https://real.example/blog/", "https://real.example/blog/p", "https://real.example/blog/q"),
        ("/blog/", "https://base.example/blog/p", "https://base.example/blog/q"),
        ("javascript:alert(1)", "https://base.example/feeds/p", "https://base.example/feeds/q"),
        ("http://[", "https://base.example/feeds/p", "https://base.example/feeds/q"),
    ],
)
def test_relative_links_lead_from_the_base_that_the_document_names(base: str, page: str, inside: str) -> None:
    item = atom(
        '<link href="p"/>',
        attributes=f' xml:base="{base}"',
        more='<content type="html">&lt;a href="q"&gt;q&lt;/a&gt;</content>',
    )

    assert item.url == page
    assert f'href="{inside}"' in item.content


def test_half_an_emoji_costs_one_character_and_not_the_feed() -> None:
    body = rb'{"items": [{"id": "1", "title": "Wins \ud83d", "content_text": "a' + b"\n" + rb'b \ud83e\udd4a"}]}'

    (item,) = parse("json_feed", body, url=FEED).items

    assert (item.guid, item.title, item.summary) == ("1", "Wins", "a b \U0001f94a")


@pytest.mark.parametrize(
    "body", [b'{"items": [1,]', b'{"items": ' + b"[" * 100_000, b'{"items": 3' + b"0" * 5000 + b"}"]
)
def test_what_is_no_json_even_so_is_refused(body: bytes) -> None:
    with pytest.raises(FeedUnreadable):
        parse("json_feed", body, url=FEED)
