"""Nothing that was typed or ticked at the desk is lost by what happens around it, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Route, expect

from apps.articles.models import Mention, PendingArticle
from apps.articles.services import join
from apps.core.actor import SYSTEM
from tests.browser import judge
from tests.browser.test_desk import open_desk, states, wait_for
from tests.factories.articles import MentionFactory, PendingArticleFactory
from tests.factories.events import EventFactory
from tests.factories.fighters import FighterFactory
from tests.factories.users import PASSWORD

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


def told(page: Page, text: str) -> None:
    expect(page.locator("[data-told]")).to_contain_text(text)


def tick_two(page: Page) -> PendingArticle:
    """A piece of which one suggested name is unticked and one other added by hand."""
    piece = PendingArticleFactory()
    MentionFactory(pending=piece, fighter=FighterFactory(name="Zhang Weili", name_zh=""), is_sure=True)
    EventFactory(name="UFC 300: Pereira vs. Hill")
    open_desk(page, piece)
    page.get_by_role("checkbox", name="Zhang Weili").uncheck()
    page.locator("[data-names-find]").press_sequentially("ufc")
    page.locator("[data-names-hits] button").click()
    return piece


def expect_two(page: Page) -> None:
    expect(page.get_by_role("checkbox", name="Zhang Weili")).not_to_be_checked()
    expect(page.get_by_role("checkbox", name="UFC 300")).to_be_checked()


def test_ticks_outlive_claiming_moving_on_and_a_reload_and_go_with_the_approval(page: Page) -> None:
    other = PendingArticleFactory()
    piece = tick_two(page)

    page.get_by_role("button", name="Claim").click()
    told(page, "The piece is yours")
    expect_two(page)
    page.locator(f"[data-card='{other.pk}']").click()
    wait_for(page, other)
    page.locator(f"[data-card='{piece.pk}']").click()
    wait_for(page, piece)
    expect_two(page)
    page.goto(f"/admin/articles/pendingarticle/desk/?piece={piece.pk}")
    wait_for(page, piece)
    expect_two(page)

    page.get_by_role("button", name="Approve").first.click()
    told(page, "published")
    assert sorted(Mention.objects.values_list("state", flat=True)) == ["confirmed", "dismissed"]


def test_saving_words_only_saves_the_ticks_and_saving_names_keeps_the_words(page: Page) -> None:
    piece = tick_two(page)
    title = page.locator("[data-form='edit'] textarea[name=title]")
    page.get_by_role("button", name="Edit").click()
    title.fill("Words of mine")

    page.get_by_role("button", name="Save names").click()
    told(page, "The names have been saved.")
    wait_for(page, piece)
    expect(title).to_have_value("Words of mine")
    expect(title).to_be_visible()
    page.get_by_role("checkbox", name="Zhang Weili").check()
    page.get_by_role("button", name="Save only").click()
    told(page, "Saved.")
    wait_for(page, piece)
    expect(title).to_be_hidden()

    piece.refresh_from_db()
    assert piece.title == "Words of mine"
    assert set(Mention.objects.values_list("state", flat=True)) == {"confirmed"}


def test_choosing_another_lead_keeps_what_was_typed_and_ticked_and_says_what_was_done(page: Page) -> None:
    piece = tick_two(page)
    other = PendingArticleFactory()
    join(other.pk, piece.pk, actor=SYSTEM)
    page.reload()
    wait_for(page, piece)
    expect_two(page)

    page.get_by_role("button", name="Show this one instead").click()

    wait_for(page, other)
    told(page, "This piece stands for the story now.")
    expect(page.locator("[data-undo-what]")).to_contain_text(f"shown for its story: {other.title}")
    page.keyboard.press("u")
    wait_for(page, piece)
    told(page, f"Undone: shown for its story: {other.title}")
    expect_two(page)


def test_escape_leads_out_of_the_reject_form_from_anywhere(page: Page) -> None:
    first, second = PendingArticleFactory(), PendingArticleFactory()
    open_desk(page, first)
    page.keyboard.press("r")
    reject = page.locator("[data-form='reject']")
    expect(reject).to_be_visible()
    page.locator(".bjz-desk-headline").click()
    page.keyboard.press("a")
    expect(reject).to_be_visible()

    page.keyboard.press("Escape")

    expect(reject).to_be_hidden()
    page.keyboard.press("r")
    page.locator(".bjz-desk-headline").click()
    page.keyboard.press("j")
    wait_for(page, second)
    assert states() == ["pending", "pending"]


def test_who_was_signed_out_keeps_what_was_typed_and_is_led_back(page: Page) -> None:
    PendingArticleFactory()
    piece = PendingArticleFactory()
    open_desk(page, piece)
    page.keyboard.press("e")
    title = page.locator("[data-form='edit'] textarea[name=title]")
    title.fill("Words of mine")
    page.context.clear_cookies(name="sessionid")

    page.locator("[data-form='edit'] [data-deed='approve']").click()

    told(page, "Your session has ended")
    expect(title).to_have_value("Words of mine")
    page.get_by_role("link", name="Go on here after signing in").click()
    page.fill("[name=username]", "ed")
    page.fill("[name=password]", PASSWORD)
    page.click("#login-form button[type=submit]")
    wait_for(page, piece)
    expect(title).to_have_value("Words of mine")
    assert states() == ["pending", "pending"]


def test_a_failing_server_is_told_without_losing_the_page(page: Page) -> None:
    first, second = PendingArticleFactory(), PendingArticleFactory()
    open_desk(page, first)
    page.route("**/decide/*", _fail)
    page.route("**/preview/", _fail)

    page.keyboard.press("a")
    told(page, "The server did not answer.")
    page.keyboard.press("j")
    told(page, "The server did not answer.")
    page.unroute("**/preview/")
    page.locator(f"[data-card='{second.pk}']").click()

    wait_for(page, second)
    assert states() == ["pending", "pending"]


def _fail(route: Route) -> None:
    route.fulfill(status=500, body="<h1>broken</h1>")


def test_undo_names_its_deed_and_says_after_the_reload_what_it_took_back(page: Page) -> None:
    piece = PendingArticleFactory(title="Zhang wins")
    open_desk(page, piece)
    undo = page.get_by_role("button", name="Undo")
    expect(undo).to_be_disabled()
    page.keyboard.press("r")
    page.keyboard.press("7")
    page.keyboard.press("Enter")
    told(page, "The piece has been rejected.")
    expect(undo).to_have_attribute("title", "rejected: Zhang wins")

    page.keyboard.press("u")

    wait_for(page, piece)
    told(page, "Undone: rejected: Zhang wins")
    expect(undo).to_be_disabled()
    assert states() == ["pending"]


def test_the_name_of_what_undo_takes_back_fits_on_a_phone(page: Page) -> None:
    piece = PendingArticleFactory(title="Zhang Weili defends her title in Shanghai for the fourth time in two years")
    other = PendingArticleFactory()
    page.set_viewport_size({"width": 375, "height": 800})
    open_desk(page, piece)

    page.get_by_role("button", name="Approve").click()
    wait_for(page, other)

    expect(page.locator("[data-undo-what]")).to_contain_text("approved: Zhang Weili")
    assert judge.too_wide(page) == []
