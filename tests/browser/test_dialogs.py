"""Dialogs by hand: keyboard, refusals, a lost session, a failing server."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Route, expect

from apps.articles.models import PendingArticle
from tests.factories.articles import PendingArticleFactory

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

QUEUE = "/admin/articles/pendingarticle/"


def open_dialog(page: Page, action: str) -> None:
    page.click(f"button[hx-get$='/{action}/']")
    page.wait_for_selector("#dialog", state="visible")


def test_dialog_is_used_by_keyboard_alone(page: Page) -> None:
    piece = PendingArticleFactory(title="Title fight tonight")
    page.goto(QUEUE)
    page.focus(f"button[hx-get$='/{piece.pk}/reject/']")
    page.keyboard.press("Enter")

    expect(page.locator("#dialog [name=reason_code]")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.type("A rumour")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.locator("#dialog button[type=submit]")).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.locator(".bjz-message-success")).to_be_visible()
    piece.refresh_from_db()
    assert (piece.status, piece.reject_reason) == (PendingArticle.Status.REJECTED, "A rumour")


def test_escape_gives_the_focus_back(page: Page) -> None:
    PendingArticleFactory()
    page.goto(QUEUE)
    open_dialog(page, "approve")

    page.keyboard.press("Escape")

    page.wait_for_selector("#dialog", state="hidden")
    expect(page.locator("button[hx-get$='/approve/']")).to_be_focused()


def test_missing_field_keeps_the_dialog_open(page: Page) -> None:
    piece = PendingArticleFactory()
    page.goto(QUEUE)
    open_dialog(page, "reject")

    page.click("#dialog button[type=submit]")

    expect(page.locator("#dialog")).to_contain_text("Say why the piece is rejected.")
    piece.refresh_from_db()
    assert piece.status == PendingArticle.Status.PENDING


def test_who_was_signed_out_lands_on_the_sign_in_page(page: Page) -> None:
    PendingArticleFactory()
    page.goto(QUEUE)
    page.context.clear_cookies(name="sessionid")

    page.click("button[hx-get$='/approve/']")

    page.wait_for_url(re.compile(r"/admin/login/\?next="))


def test_failing_server_is_told_in_words(page: Page) -> None:
    PendingArticleFactory()
    page.goto(QUEUE)
    page.route("**/approve/", lambda route: _fail(route))

    page.click("button[hx-get$='/approve/']")

    expect(page.locator("#dialog")).to_contain_text("This did not work")


def _fail(route: Route) -> None:
    route.fulfill(status=500, body="<h1>broken</h1>")


def test_filter_acts_when_chosen_and_leaves_a_short_address(page: Page) -> None:
    PendingArticleFactory(title="Decided", status=PendingArticle.Status.APPROVED)
    PendingArticleFactory(title="Waiting")
    page.goto(QUEUE)

    page.select_option("select[name=status__exact]", "approved")
    page.wait_for_url("**/?status__exact=approved")

    expect(page.locator("#result_list")).to_contain_text("Decided")
    expect(page.locator("#result_list")).not_to_contain_text("Waiting")


def test_language_and_theme_stay_chosen(page: Page) -> None:
    page.goto(QUEUE)
    page.click("nav button[value=zh-hans]")
    expect(page.locator("h1")).to_contain_text("审核队列")

    page.click("nav button[aria-label='深色']")
    page.reload()

    expect(page.locator("html")).to_have_class("dark")


def test_ticked_rows_are_counted_and_one_tick_takes_all(page: Page) -> None:
    PendingArticleFactory.create_batch(3)
    page.goto(QUEUE)
    rows = page.locator("tbody input.action-select")

    rows.first.check()
    expect(page.locator(".action-counter")).to_have_text("1 of 3 selected")
    page.locator(".action-toggle").check()
    expect(page.locator(".action-counter")).to_have_text("3 of 3 selected")
    for number in range(3):
        expect(rows.nth(number)).to_be_checked()
    page.locator(".action-toggle").uncheck()
    expect(rows.first).not_to_be_checked()
