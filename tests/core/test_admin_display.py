"""Cells of lists and detail pages."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone, translation

from apps.core.admin.display import chip, exact, json_block, link, relative, when

NOW = dt.datetime(2026, 3, 2, 4, 0, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("seconds", "english", "chinese"),
    [
        (-2, "just now", "刚刚"),
        (-42, "42 s ago", "42 秒前"),
        (42, "in 42 s", "42 秒后"),
        (-61, "1 min ago", "1 分钟前"),
        (7200, "in 2 h", "2 小时后"),
        (-86_400, "1 day ago", "1 天前"),
        (-3 * 86_400, "3 days ago", "3 天前"),
        (-30 * 86_400, "2026-01-31 12:00", "2026-01-31 12:00"),
    ],
)
def test_distance_in_words(seconds: int, english: str, chinese: str) -> None:
    moment = NOW + dt.timedelta(seconds=seconds)
    with timezone.override("Asia/Shanghai"):
        with translation.override("en"):
            assert relative(moment, NOW) == english
        with translation.override("zh-hans"):
            assert relative(moment, NOW) == chinese


def test_exact_time_names_the_zone() -> None:
    with timezone.override("Asia/Shanghai"):
        assert exact(NOW) == "2026-03-02 12:00:00 (CST, UTC+0800)"


def test_time_carries_its_exact_form() -> None:
    with timezone.override("Asia/Shanghai"):
        assert 'title="2026-03-02 12:00:00 (CST, UTC+0800)"' in when(NOW)


def test_nothing_is_a_dash() -> None:
    assert when(None) == chip("", "info") == link("/x", None) == json_block({}) == '<span class="bjz-empty">–</span>'


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "JAVASCRIPT:alert(1)", " javascript:x", "data:text/html,x", "x:/y"]
)
def test_an_address_that_could_run_a_script_is_no_link(url: str) -> None:
    assert link(url, "here") == "here"


@pytest.mark.parametrize("url", ["https://a.example/x", "HTTP://a.example", "/admin/", "?q=1", "#top"])
def test_pages_of_the_web_and_of_ours_are_links(url: str) -> None:
    assert f'href="{url}"' in link(url, "here")


def test_chip_refuses_an_unknown_tone() -> None:
    with pytest.raises(ValueError, match="pink"):
        chip("late", "pink")


def test_everything_is_escaped() -> None:
    assert "<b>" not in chip("<b>", "info") + link("/x?a=<b>", "<b>") + json_block({"a": "<b>"}) + json_block("<b>")
