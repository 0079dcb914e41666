"""The calendar of planned articles by keyboard, and on a phone."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from apps.articles.models import Article
from tests.factories.articles import ArticleFactory

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

MONTH = "/admin/articles/article/calendar/?date=2031-04-10"


@pytest.fixture
def plan(transactional_db: None) -> Article:
    at = datetime(2031, 4, 10, 9, 30, tzinfo=ZoneInfo("Asia/Shanghai"))
    return ArticleFactory(
        title="Weigh-in at noon", status=Article.Status.PENDING, published_at=None, first_published_at=None,
        publish_at=at,
    )  # fmt: skip


def test_keys_lead_through_months_and_weeks_and_to_a_plans_dialog(page: Page, plan: Article) -> None:
    page.goto(MONTH)
    _follow(page, "ArrowRight", "view=month&date=2031-05-01")
    _follow(page, "ArrowLeft", "view=month&date=2031-04-01")
    page.goto(MONTH)
    _follow(page, "w", "view=week&date=2031-04-10")

    page.focus(f"button[hx-get$='/{plan.pk}/reschedule/']")
    page.keyboard.press("Enter")
    expect(page.locator("#dialog [name=publish_at]")).to_have_value("2031-04-10T09:30")
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(re.compile("view=week&date=2031-04-10"))


def test_on_a_phone_days_without_plans_are_left_out_and_nothing_runs_over(page: Page, plan: Article) -> None:
    page.set_viewport_size({"width": 375, "height": 800})
    page.goto(MONTH)

    expect(page.locator(".bjz-calendar-day:visible")).to_have_count(1)
    expect(page.get_by_text("April 10")).to_be_visible()
    expect(page.get_by_text("Weigh-in at noon")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 375


def _follow(page: Page, key: str, address: str) -> None:
    """Press a key that leads to another page, and wait until that page listens to keys itself."""
    with page.expect_navigation(url=re.compile(re.escape(address))):
        page.keyboard.press(key)
