"""Feeds from bytes: our fixtures, quirk by quirk, and the shared collection where it is present."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from apps.articles.clients.charset import to_text
from apps.articles.clients.cleaning import clean_html
from apps.articles.clients.feeds import utc
from apps.articles.clients.parsed import ParsedItem
from apps.articles.clients.parsers import parse
from apps.articles.errors import FeedUnreadable
from tests.articles.feeds import FIXTURES, SHARED, fixture, parsed

DANGEROUS = (
    "<script",
    "<iframe",
    "<img",
    "<svg",
    "<style",
    "onerror=",
    "onload=",
    "onclick=",
    "onmouseover=",
    "javascript:",
)


def test_rss_gives_title_address_time_picture_and_video() -> None:
    feed = parsed("plain.rss")

    assert feed.title == "Octagon Courier"
    assert feed.items[0] == ParsedItem(
        guid="courier-1001",
        url="https://courier.example/news/shanghai-title-bout?utm_source=rss&utm_medium=feed",
        title="Bantamweight title bout moved to Shanghai",
        summary="The championship bout planned for Macau will now be held in Shanghai.",
        content="The championship bout planned for Macau will now be held in Shanghai.",
        published_at=datetime(2026, 3, 2, 0, 30, tzinfo=UTC),
        cover_url="https://courier.example/img/1001.jpg",
    )
    assert feed.items[1].video_url == "https://courier.example/video/1002.mp4"
    assert feed.items[2].published_at == datetime(2026, 2, 28, 17, 0, tzinfo=UTC)
    assert feed.items[2].summary == ""


def test_atom_resolves_relative_links_and_takes_the_update_time_when_there_is_no_other() -> None:
    items = parsed("xhtml.atom", url="https://grappling.example/feed.atom").items

    assert items[0].title == "The guillotine & its counters"
    assert items[0].url == "https://grappling.example/2026/guillotine"
    assert items[0].content == "<div><p>Three <em>ways</em> out, with steps.</p><p>Posture first.</p></div>"
    assert items[1].published_at == datetime(2026, 2, 27, 7, 15, tzinfo=UTC)


def test_rdf_is_read() -> None:
    items = parsed("rss10.rdf").items

    assert [(item.url, item.title, item.published_at) for item in items] == [
        ("https://archive.example/b/1", "A draw from 1997", datetime(2026, 2, 20, 9, 0, tzinfo=UTC)),
        ("https://archive.example/b/2", "The shortest final", datetime(2026, 2, 19, 9, 0, tzinfo=UTC)),
    ]


def test_json_feed_reads_numeric_ids_external_addresses_and_items_without_title() -> None:
    feed = parsed("jsonfeed.json")

    assert [(item.guid, item.url, item.title) for item in feed.items] == [
        ("2001", "https://notes.example/2001", "称重全部过关"),
        ("https://notes.example/2002", "https://notes.example/2002", "没有标题的短讯：上海站开票。"),
        ("n-2003", "https://elsewhere.example/story", "Only an external address"),
        ("n-2004", "", "No address at all"),
    ]
    assert feed.items[0].external_url == "https://courier.example/news/weigh-in"
    assert feed.items[0].author == "阿强"
    assert feed.items[2].video_url == "https://notes.example/v/2003.mp4"


def test_a_damaged_item_harms_only_itself() -> None:
    feed = parsed("jsonfeed.json")

    assert [(bad.position, bad.reason) for bad in feed.unusable] == [
        (4, "'str' object has no attribute 'get'"),
        (5, "an item without words"),
    ]


@pytest.mark.parametrize(
    ("name", "titles"),
    [
        ("gb2312.rss", ["建议：周末看比赛的地方", "求购二手沙袋"]),
        (
            "windows1252_undeclared.rss",
            ["Lutador é suspenso após pesagem – decisão final", "Três estreias em São Paulo"],
        ),
        ("utf16.rss", ["Łukasz wins in Kraków"]),
    ],
)
def test_encodings_are_recognised(name: str, titles: list[str]) -> None:
    assert [item.title for item in parsed(name).items] == titles


def test_a_date_that_nobody_can_read_is_no_date() -> None:
    assert [item.published_at for item in parsed("windows1252_undeclared.rss").items] == [None, None]


def test_an_id_is_never_taken_for_a_date() -> None:
    """fastfeedparser reads guid 1 as the first of the current month."""
    assert [item.published_at for item in parsed("hostile.rss").items] == [None, None, None, None]


def test_hostile_markup_leaves_words_only() -> None:
    feed = parsed("hostile.rss")

    assert feed.title == "Hostile"
    assert [(item.title, item.summary) for item in feed.items] == [
        ("Champion & challenger", "Read this, then more."),
        ("Knockout in round 1 < round 2", "Twice wrapped."),
        ("Script address", "No way to follow this."),
        ("Rightto left", "Address with a password."),
    ]
    for item in feed.items:
        shown = (item.title + item.summary + item.content).lower()
        assert [mark for mark in DANGEROUS if mark in shown] == []


def test_addresses_that_must_not_be_followed_are_dropped() -> None:
    assert [item.url for item in parsed("hostile.rss").items] == [
        "https://hostile.example/1",
        "https://hostile.example/2",
        "",
        "",
    ]


def test_items_without_title_get_one_from_their_text() -> None:
    assert [item.title for item in parsed("untitled_fragments.rss").items] == [
        "Early gym session, nobody there yet. A long sentence follows so that the…",
        "Sparring at noon.",
        "Evening",
    ]


def test_a_broken_feed_keeps_its_ampersands_and_its_torn_item() -> None:
    items = parsed("not_well_formed.rss").items

    assert [(item.title, item.url) for item in items] == [
        ("Rounds 1 & 2 in pictures", "https://broken.example/1?a=1&b=2"),
        ("Cut off in mid-", "https://broken.example/2"),
    ]
    assert items[0].content == "Unescaped &amp; unclosed <b>bold</b>"


def test_a_feed_that_the_fast_parser_takes_for_a_page_is_read() -> None:
    assert [item.title for item in parsed("inside_html.atom").items] == ["Down time"]


def test_a_feed_without_items_is_a_feed() -> None:
    assert parsed("empty.rss").items == []


@pytest.mark.parametrize("body", [fixture("page.html"), b"", b"\x00\xff\xfe", b"{", b'{"items": 3}', b"plain words"])
def test_what_is_no_feed_is_refused(body: bytes) -> None:
    with pytest.raises(FeedUnreadable):
        parse("feed", body, url="https://base.example/feed")


def test_the_generic_parser_takes_a_page_for_one_item() -> None:
    feed = parse("generic", fixture("page.html"), url="https://pages.example/story")

    assert [(item.title, item.url) for item in feed.items] == [("Sign in & read on", "https://pages.example/story")]


def test_an_unknown_kind_is_read_as_generic() -> None:
    assert len(parse("ufc_schedule", fixture("plain.rss"), url="https://base.example/").items) == 3


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        ("é".encode(), "text/xml; charset=iso-8859-1", "é"),
        ("é".encode("latin-1"), "text/xml; charset=utf-8", "é"),
        ("世界".encode("gb18030"), "text/xml; charset=gb2312", "世界"),
        ("世界".encode("gb18030") + b"\xff", "text/xml; charset=gbk", "世界\ufffd"),
        ("日本".encode("iso2022_jp"), "text/xml; charset=iso-2022-jp", "日本"),
        ("torn é ".encode() * 30 + b"\xc3", "", "torn é " * 30 + "\ufffd"),
        (b"x", "text/xml; charset=no-such-thing", "x"),
        (b"aGVsbG8=", "text/xml; charset=base64", "aGVsbG8="),
    ],
)
def test_bytes_decide_before_declarations(body: bytes, content_type: str, text: str) -> None:
    assert to_text(body, content_type) == text


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-03-01T22:10:00Z", datetime(2026, 3, 1, 22, 10, tzinfo=UTC)),
        ("2026-03-01T22:10:00.123+08:00", datetime(2026, 3, 1, 14, 10, 0, 123000, tzinfo=UTC)),
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC)),
        ("Sun, 01 Mar 2026 22:10:00 +0000", datetime(2026, 3, 1, 22, 10, tzinfo=UTC)),
        ("yesterday", None),
        ("0001-01-01T00:00:00Z", None),
        ("9999-12-31T23:59:59-10:00", None),
        ("", None),
    ],
)
def test_times_are_utc_or_nothing(value: str, moment: datetime | None) -> None:
    assert utc(value) == moment


SHARED_COUNTS = {
    "espn_top_2019.rss": 30, "bbc_sport_2019.rss": 22, "guardian_us.rss": 55, "heise_developer.atom": 15,
    "jornal_de_noticias_latin1.rss": 40, "uol_noticias.rss": 15, "science_twis.rdf": 69, "reddit_front.rss": 24,
    "medium_tag.rss": 7, "varthabharathi_kannada.rss": 15, "techcrunch.rss": 20, "huffpost_canada.rss": 2,
    "aws_blog.atom": 10, "rotoauthority_xhtml.atom": 10, "avian_summary_and_content.atom": 10,
    "google_alerts.atom": 20, "youtube_channel.atom": 15, "href_considered_harmful.rdf": 10,
    "daringfireball.atom": 48, "daringfireball.json": 48, "inessential.json": 20, "livemint.rss": 25,
    "aktuality_sk.rss": 30, "fcutrecht_voetbal.rss": 20, "kc0011_gb2312.rss": 20, "biorxiv_plant.rdf": 30,
    "expertopinion_ent.atom": 43, "scripting_news.rss": 50, "ruanyifeng.rss": 6, "ruanyifeng.atom": 3,
    "v2ex.atom": 50, "meituan_tech.rss": 10, "spiegel.rss": 1, "wirecutter.rss": 1, "davidbau.rdf": 15,
    "osm_polska.rss": 8, "sspai.json": 28, "zaobao.json": 196,
}  # fmt: skip


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared feeds are not here")
@pytest.mark.parametrize("name", sorted(SHARED_COUNTS))
def test_every_shared_feed_is_read_whole_and_clean(name: str) -> None:
    feed = parse("feed", (SHARED / name).read_bytes(), url="https://base.example/feed")

    assert len(feed.items) == SHARED_COUNTS[name]
    assert feed.unusable == []
    undated = 15 if name == "uol_noticias.rss" else 0
    assert sum(item.published_at is None for item in feed.items) == undated
    for item in feed.items:
        assert item.url.startswith("http")
        assert 0 < len(item.title) <= 255
        assert "<" not in item.title + item.summary
        assert [mark for mark in DANGEROUS if mark in item.content.lower()] == []


def test_characters_that_no_database_takes_are_dropped_everywhere() -> None:
    body = b'{"items": [{"id": "a\\u0000b", "title": "t\\u0000", "content_text": "c\\u0001\\uffff", "url": "https://a.example/\\u0000x"}]}'

    (item,) = parse("json_feed", body, url="https://base.example/").items

    assert (item.guid, item.title, item.summary, item.url) == ("ab", "t", "c", "https://a.example/x")


PIECES_OF_HARM = (
    b"<script>alert(1)</script>", b"<![CDATA[", b"]]>", b"&lt;img src=x onerror=alert(1)&gt;", b"\x00", b"\xff\xfe",
    b"<item>", b"</entry>", b'<!DOCTYPE x [<!ENTITY a "aaaa">]>', b"&a;", b"\\u0000", b'"id":[1]', b"null",
    b'<?xml version="1.0" encoding="utf-7"?>', b"http://[", b'<title type="xhtml">', b"{", b"}",
)  # fmt: skip


@pytest.mark.parametrize("seed", range(20))
def test_broken_feeds_are_read_or_refused_and_always_clean(seed: int) -> None:
    chance = random.Random(seed)
    sound = [path.read_bytes() for path in sorted(FIXTURES.iterdir()) if path.is_file()]

    for _ in range(20):
        body = chance.choice(sound)
        for _ in range(chance.randint(1, 6)):
            place = chance.randrange(len(body) + 1)
            cut = chance.choice((0, 0, 1, 40))
            body = body[:place] + chance.choice(PIECES_OF_HARM) + body[place + cut :]
        try:
            items = parse(chance.choice(("feed", "generic")), body, url="https://base.example/").items
        except FeedUnreadable:
            continue
        for item in items:
            assert "\x00" not in str(item.as_message())
            assert 0 < len(item.title) <= 255
            shown = f"{item.title} {item.summary} {item.content}".lower()
            assert [mark for mark in ("<script", "<img", "<iframe", "<svg") if mark in shown] == []


@pytest.mark.parametrize(
    ("markup", "clean"),
    [
        ('<a href="java&#3;script:alert(1)">x</a>', '<a href="https://example.com/java%03script:alert(1)"{rel}>x</a>'),
        ('<a href="/admin/logout">x</a>', '<a href="https://example.com/admin/logout"{rel}>x</a>'),
        ('<a href="//other.example/a">x</a>', '<a href="https://other.example/a"{rel}>x</a>'),
        ('<p title="&#x202e;">a&#x202e;b&#x3;c</p>', '<p title="">abc</p>'),
    ],
)
def test_links_of_a_text_lead_to_its_publisher_and_references_hide_nothing(markup: str, clean: str) -> None:
    cleaned = clean_html(markup, base="https://example.com/feed.xml")

    assert cleaned == clean.replace("{rel}", ' rel="noopener noreferrer nofollow"')
    assert clean_html(cleaned) == cleaned


@pytest.mark.parametrize("base", ["", "https://[::1", "https://two words/"])
def test_without_an_address_to_resolve_against_relative_links_are_dropped(base: str) -> None:
    assert "href" not in clean_html('<a href="/admin/">x</a> <a href="java&#3;script:alert(1)">y</a>', base=base)


@pytest.mark.parametrize("kind", ["feed", "generic", "json_feed"])
def test_a_body_that_names_a_file_of_ours_opens_none(kind: str, tmp_path: Path) -> None:
    secret = tmp_path / "feed.xml"
    secret.write_bytes(fixture("plain.rss"))

    with pytest.raises(FeedUnreadable):
        parse(kind, str(secret).encode())
