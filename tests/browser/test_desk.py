"""The review desk under fast fingers and slow answers, in a real browser."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from apps.articles.models import Article, Mention, PendingArticle
from tests.factories.articles import PendingArticleFactory
from tests.factories.events import EventFactory
from tests.factories.fighters import FighterFactory

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

DESK = "/admin/articles/pendingarticle/desk/"


def open_desk(page: Page, piece: PendingArticle) -> None:
    page.goto(f"{DESK}?piece={piece.pk}")
    wait_for(page, piece)


def wait_for(page: Page, piece: PendingArticle) -> None:
    page.wait_for_selector(f"[data-shown='{piece.pk}']")


class Gate:
    """Requests to these addresses wait until the test opens it."""

    def __init__(self, page: Page, address: str) -> None:
        self.waiting: list[Route] = []
        self.is_open = False
        page.route(address, self.meet)

    def meet(self, route: Route) -> None:
        if self.is_open:
            route.continue_()
        else:
            self.waiting.append(route)

    def open(self) -> None:
        self.is_open = True
        for route in self.waiting:
            route.continue_()


def states() -> list[Any]:
    return list(PendingArticle.objects.order_by("pk").values_list("status", flat=True))


def test_a_key_meant_for_a_piece_that_is_not_there_yet_decides_nothing(page: Page) -> None:
    first, second = PendingArticleFactory(), PendingArticleFactory()
    open_desk(page, first)
    gate = Gate(page, "**/preview/")

    page.keyboard.press("j")
    page.keyboard.press("a")
    expect(page.locator("[data-shown]")).to_have_count(0)
    gate.open()
    wait_for(page, second)

    assert states() == ["pending", "pending"]
    page.keyboard.press("a")
    wait_for(page, first)
    assert states() == ["pending", "approved"]


def test_who_moves_on_while_a_decision_is_under_way_sees_the_decided_piece_leave_and_stays(
    page: Page,
) -> None:
    first, second = PendingArticleFactory(), PendingArticleFactory()
    third = PendingArticleFactory()
    open_desk(page, first)
    gate = Gate(page, "**/decide/*")

    page.keyboard.press("a")
    page.keyboard.press("j")
    wait_for(page, second)
    gate.open()

    expect(page.locator(f"[data-card='{first.pk}']")).to_have_count(0)
    expect(page.locator(f"[data-card='{second.pk}'][aria-current]")).to_have_count(1)
    expect(page.locator(f"[data-card='{third.pk}']")).to_have_count(1)
    expect(page.locator("[data-left]")).to_have_text("2")
    wait_for(page, second)
    assert states() == ["approved", "pending", "pending"]


def test_a_refusal_that_comes_after_moving_on_says_nothing_about_the_piece_that_is_shown_now(
    page: Page,
) -> None:
    first, second = PendingArticleFactory(), PendingArticleFactory()
    open_desk(page, first)
    PendingArticle.objects.filter(pk=first.pk).update(title="Changed meanwhile", version=2)
    gate = Gate(page, "**/decide/*")

    page.keyboard.press("a")
    page.keyboard.press("j")
    wait_for(page, second)
    gate.open()

    expect(page.locator("[data-told]")).to_contain_text("edited in the meantime")
    expect(page.locator("[data-both] section")).to_have_count(0)
    assert Article.objects.count() == 0


def test_enter_never_adds_what_was_found_for_other_letters(page: Page) -> None:
    FighterFactory(name="Zhang Weili", name_zh="")
    event = EventFactory(name="UFC 300: Pereira vs. Hill")
    piece = PendingArticleFactory()
    open_desk(page, piece)
    field = page.locator("[data-names-find]")
    field.press_sequentially("ufc")
    page.locator("[data-names-hits] button").wait_for()
    gate = Gate(page, "**/desk/names/*")

    field.press_sequentially(" 301")
    page.keyboard.press("Enter")

    expect(page.locator("[data-names-boxes] label")).to_have_count(0)
    gate.open()
    expect(page.locator("[data-names-hits]")).to_contain_text("No fighter and no event is called so.")
    field.fill("ufc 300")
    page.locator("[data-names-hits] button").wait_for()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(page.locator("[data-told]")).to_contain_text("The names have been saved.")
    assert [row.key for row in Mention.objects.all()] == [f"event:{event.pk}"]
