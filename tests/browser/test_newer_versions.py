"""Two people at one piece: the second sees both versions and chooses, in dialogs and on the desk."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from apps.articles.models import Article, PendingArticle
from tests.browser.test_dialogs import open_dialog
from tests.factories.articles import ArticleFactory, PendingArticleFactory

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


def test_a_dialog_that_meets_a_newer_version_stays_open_with_both_and_what_was_typed(page: Page) -> None:
    article = ArticleFactory(title="Lee wins by decision")
    page.set_viewport_size({"width": 375, "height": 800})
    page.goto(f"/admin/articles/article/{article.pk}/change/")
    open_dialog(page, "correct")
    Article.objects.filter(pk=article.pk).update(title="Li wins by decision", version=2)
    page.fill("#dialog [name=title]", "Li wins by split decision")
    page.fill("#dialog [name=notice]", "It was split.")

    page.click("#dialog button[type=submit]")

    expect(page.locator("#dialog .bjz-both ins").first).to_have_text("Li")
    expect(page.locator("#dialog [name=title]")).to_have_value("Li wins by split decision")
    theirs = page.get_by_role("link", name="Take theirs").bounding_box()
    assert theirs is not None
    assert theirs["x"] > 0
    page.get_by_role("button", name="Send mine again on the new version").click()
    expect(page.locator(".bjz-message-success")).to_be_visible()
    article.refresh_from_db()
    assert (article.title, article.version) == ("Li wins by split decision", 3)


def test_theirs_is_taken_by_a_link_back_to_the_page(page: Page) -> None:
    article = ArticleFactory(title="Lee wins")
    page.goto(f"/admin/articles/article/{article.pk}/change/")
    open_dialog(page, "retract")
    Article.objects.filter(pk=article.pk).update(title="Li wins", version=2)
    page.fill("#dialog [name=notice]", "It never happened.")
    page.click("#dialog button[type=submit]")
    page.get_by_role("link", name="Take theirs").click()

    expect(page.locator("#dialog")).to_have_count(0)
    expect(page.get_by_role("heading", name="Li wins")).to_be_visible()
    article.refresh_from_db()
    assert article.status == Article.Status.PUBLISHED


def test_the_desk_sends_the_same_again_on_the_new_version(page: Page) -> None:
    piece = PendingArticleFactory(title="Pereira wins in Rio")
    page.goto(f"/admin/articles/pendingarticle/desk/?piece={piece.pk}")
    page.wait_for_selector("[data-shown]")
    PendingArticle.objects.filter(pk=piece.pk).update(title="Pereira wins again in Rio", version=2)
    page.keyboard.press("e")
    page.fill("[data-form='edit'] textarea[name=title]", "Pereira knocks him out in Rio")
    page.click("[data-form='edit'] button[data-deed='approve']")

    expect(page.locator("[data-both] ins").first).to_have_text("again ")
    page.click("[data-resend]")

    expect(page.get_by_role("heading", name="Nothing waits for review")).to_be_visible()
    assert Article.objects.get().title == "Pereira knocks him out in Rio"


def test_what_was_typed_at_the_desk_outlives_moving_on_a_refusal_and_a_reload(page: Page) -> None:
    first, second = PendingArticleFactory(title="Pereira wins in Rio"), PendingArticleFactory(title="Zhang wins")
    words = "Pereira knocks him out in Rio"
    typed = page.locator("[data-form='edit'] textarea[name=title]")
    page.goto(f"/admin/articles/pendingarticle/desk/?piece={first.pk}")
    page.wait_for_selector(f"[data-shown='{first.pk}']")
    page.keyboard.press("e")
    typed.fill(words)
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.wait_for_selector(f"[data-shown='{second.pk}']")
    expect(typed).to_be_hidden()
    page.keyboard.press("k")
    page.wait_for_selector(f"[data-shown='{first.pk}']")
    expect(typed).to_have_value(words)

    soon = timezone.now() + timedelta(minutes=10)
    PendingArticle.objects.filter(pk=first.pk).update(claimed_by_id=1, claimed_by_label="mei", claimed_until=soon)
    page.click("[data-form='edit'] button[data-deed='approve']")
    expect(page.get_by_role("button", name="Take over")).to_be_visible()
    expect(typed).to_have_value(words)

    page.reload()
    page.wait_for_selector(f"[data-shown='{first.pk}']")
    expect(typed).to_have_value(words)
    page.get_by_role("button", name="Cancel").locator("visible=true").click()
    page.reload()
    page.wait_for_selector(f"[data-shown='{first.pk}']")
    expect(typed).to_be_hidden()
    assert Article.objects.count() == 0
