"""Sources out of a feed reader's export."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import translation

from apps.articles.models import Source
from tests.articles.audit_trail import trail

pytestmark = pytest.mark.django_db

OPML = Path(__file__).resolve().parents[1] / "fixtures" / "opml" / "reader.opml"


def run(path: Path, **options: bool) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("import_feeds", str(path), stdout=out, stderr=err, **options)
    return out.getvalue(), err.getvalue()


def test_subscriptions_become_sources_once() -> None:
    out, err = run(OPML)

    assert "Added 3, known 1, refused 1." in out
    assert "feed:courier" in err
    assert list(Source.objects.order_by("id").values_list("name", "source_url", "language", "enabled")) == [
        ("Octagon Courier & more", "https://courier.example/feed.xml", "en", True),
        ("格斗周刊", "https://weekly.example/rss", "zh-hans", True),
        ("https://nested.example/atom", "https://nested.example/atom", "", True),
    ]
    assert {event["actor_label"] for event in trail("source")} == {"import_feeds"}
    assert "Added 0, known 4, refused 1." in run(OPML)[0]
    assert Source.objects.count() == 3


def test_they_can_be_added_switched_off() -> None:
    run(OPML, disabled=True)

    assert not Source.objects.filter(enabled=True).exists()


def opml(tmp_path: Path, body: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "some.opml"
    path.write_bytes(f'<?xml version="1.0" encoding="{encoding}"?><opml><body>{body}</body></opml>'.encode(encoding))
    return path


def addresses() -> list[str]:
    return list(Source.objects.order_by("id").values_list("source_url", flat=True))


@pytest.mark.parametrize("encoding", ["utf-8", "gbk", "utf-16"])
def test_unescaped_ampersands_are_mended(tmp_path: Path, encoding: str) -> None:
    run(opml(tmp_path, '<outline text="AT&T 格斗" xmlUrl="https://a.example/f?a=1&b=2&amp;c=3"/>', encoding))

    assert addresses() == ["https://a.example/f?a=1&b=2&c=3"]
    assert Source.objects.get().name == "AT&T 格斗"


def test_deep_and_many_folders_lose_nothing(tmp_path: Path) -> None:
    deep = '<outline text="f">' * 300 + '<outline xmlUrl="https://deep.example/f"/>' + "</outline>" * 300
    many = '<outline text="f"/>' * 6000 + '<outline xmlUrl="https://last.example/f"/>'

    run(opml(tmp_path, deep + many))

    assert addresses() == ["https://deep.example/f", "https://last.example/f"]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('<outline xmlUrl="https://a.example/f"/>\n<outline xmlUrl="https://cut', "damaged at line 2"),
        ('<outline xmlUrl="https://a.example/f"/><outline>', "damaged at line 1"),
        ('<outline xmlUrl="https://a.example/f"/>' * 5001, "more than 5000 subscriptions"),
    ],
)
def test_what_would_be_read_in_part_is_refused_whole(tmp_path: Path, body: str, told: str) -> None:
    with translation.override("en"), pytest.raises(CommandError, match=told):
        run(opml(tmp_path, body))

    assert addresses() == []


def test_an_address_with_a_password_is_refused(tmp_path: Path) -> None:
    body = '<outline xmlUrl="https://u:p@a.example/f"/><outline xmlUrl="https://u@a.example/f"/>'

    out, _ = run(opml(tmp_path, body))

    assert "refused 2." in out
    assert addresses() == []


@pytest.mark.parametrize("content", [b"", b"<rss/>", b"{}", b"<!DOCTYPE opml [<!ENTITY a 'b'>]><html>&a;</html>"])
def test_what_is_no_opml_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "wrong.opml"
    path.write_bytes(content)

    with pytest.raises(CommandError):
        run(path)
    with pytest.raises(CommandError):
        run(tmp_path / "missing.opml")
    assert Source.objects.count() == 0
