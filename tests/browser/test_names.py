"""Naming fighters and events at the review desk with the keyboard alone."""

from __future__ import annotations

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page

from apps.articles.models import Article, Mention
from apps.articles.services import suggest
from apps.fighters.services import write_keys
from tests.factories.articles import PendingArticleFactory
from tests.factories.events import EventFactory
from tests.factories.fighters import FighterFactory
from tests.factories.users import UserFactory

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

DESK = "/admin/articles/pendingarticle/desk/"


def test_names_are_ticked_added_and_published_by_keyboard(browser: Browser, site: str) -> None:
    zhang, yan = FighterFactory(name="Zhang Weili", name_zh=""), FighterFactory(name="Yan Xiaonan", name_zh="")
    write_keys([zhang.pk, yan.pk])
    event = EventFactory(name="UFC 300: Pereira vs. Hill")
    piece = PendingArticleFactory(title="Zhang Weili meets Yan Xiaonan")
    suggest([piece.pk])
    page = _desk(browser, site)

    page.keyboard.press("n")
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("ufc 300")
    page.locator("[data-names-hits] button").wait_for()
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    page.locator("[data-nothing]").wait_for()

    article = Article.objects.get()
    assert {row.key: row.state for row in Mention.objects.all()} == {
        f"fighter:{zhang.pk}": "dismissed", f"fighter:{yan.pk}": "confirmed", f"event:{event.pk}": "confirmed",
    }  # fmt: skip
    assert set(article.mentions.values_list("fighter", "event")) == {(yan.pk, None), (None, event.pk)}
    page.context.close()


def _desk(browser: Browser, site: str) -> Page:
    client = Client()
    client.force_login(UserFactory(role="editor"))
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": site}])
    page = context.new_page()
    page.goto(site + DESK)
    page.locator("[data-names]").wait_for()
    return page
