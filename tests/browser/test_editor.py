"""The event editor in a real browser: bouts of the feed, an order that is not saved, answers that never came."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Dialog, Page, expect

from apps.events.models import Event
from apps.fighters.models import FighterExternalId
from apps.fighters.services import write_keys
from tests.browser.test_live_board import card, row, sign_in
from tests.factories.events import UnknownBoutFactory
from tests.factories.fighters import FighterFactory

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]
ADD = "[data-add]"


@pytest.fixture
def page(browser: Browser, site: str) -> Iterator[Page]:
    page = sign_in(browser, site)
    yield page
    page.context.close()


@pytest.fixture
def event() -> Event:
    event = card()
    event.feed.unmatched = [{"external_id": "777", "names": "Ana Silva – Bo Berg"}]
    event.feed.save()
    UnknownBoutFactory(event=event, external_id="777", athletes=[["91", "Ana Silva"], ["92", "Bo Berg"]])
    write_keys([FighterFactory(name=name).pk for name in ("Ana Silva", "Bo Berg", "Carl Camp", "Dan Dorn")])
    return event


def open_editor(page: Page, event: Event) -> None:
    page.goto(f"/admin/events/event/{event.pk}/editor/")


def choose(page: Page, corner: str, name: str) -> None:
    page.fill(f"{ADD} [data-picker={corner}] input[type=search]", name)
    page.click(f"{ADD} [data-picker={corner}] label:has(input[type=radio]):has-text('{name}')")


def test_the_corner_of_a_bout_of_the_feed_is_asked_and_kept_as_answered(page: Page, event: Event) -> None:
    open_editor(page, event)
    page.click("[data-add-unknown]")
    expect(page.locator(f"{ADD} [data-question]")).to_have_text("In which corner does Ana Silva stand?")
    choose(page, "red", "Bo Berg")
    choose(page, "blue", "Ana Silva")
    button = page.locator(f"{ADD} button", has_text="Put it on the card")
    button.click()
    assert not FighterExternalId.objects.exists()
    page.click(f"{ADD} [data-of-the-feed] .bjz-choice-red")
    button.click()
    expect(page.locator("[data-told]")).to_contain_text("stands in the other corner")

    page.click(f"{ADD} [data-of-the-feed] .bjz-choice-blue")
    with page.expect_navigation():
        button.click()

    expect(page.locator("[data-told]")).to_have_text("The bout is on the card.")
    owners = dict(FighterExternalId.objects.values_list("external_id", "fighter__name"))
    assert owners == {"91": "Ana Silva", "92": "Bo Berg"}


@pytest.mark.parametrize("away", ["button", "closing"])
def test_who_changes_ones_mind_adds_another_bout_that_the_feed_knows_nothing_of(
    page: Page, event: Event, away: str
) -> None:
    open_editor(page, event)
    page.click("[data-add-unknown]")
    if away == "button":
        page.click(f"{ADD} [data-clear-unknown]")
    else:
        page.click(f"{ADD} > summary")
        page.click(f"{ADD} > summary")
    expect(page.locator(f"{ADD} [data-of-the-feed]")).to_be_hidden()
    choose(page, "red", "Carl Camp")
    choose(page, "blue", "Dan Dorn")
    with page.expect_navigation():
        page.click(f"{ADD} button:has-text('Put it on the card')")

    expect(page.locator("[data-told]")).to_have_text("The bout is on the card.")
    assert (FighterExternalId.objects.count(), event.unknown_bouts.get().status) == (0, "open")


def test_an_order_that_is_not_saved_is_not_thrown_away(page: Page, event: Event) -> None:
    first, last = event.bouts.get(sequence_no=1), event.bouts.get(sequence_no=3)
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    open_editor(page, event)
    page.click(f"{row(page, first)} [data-down]")
    page.click(f"{row(page, last)} [data-open=cancel]")
    page.fill(f"{row(page, last)} [data-form=cancel] [name=reason]", "Injury")
    page.click(f"{row(page, last)} [data-form=cancel] .bjz-button-danger")
    expect(page.locator("[data-told]")).to_contain_text("Save the order first")
    expect(page.locator("[data-save]")).to_be_focused()
    page.evaluate("setTimeout(() => window.location.reload())")
    page.wait_for_timeout(500)
    assert asked == ["beforeunload"]
    last.refresh_from_db()
    assert (last.state, last.version) == ("scheduled", 1)
    assert page.input_value(f"{row(page, last)} [data-form=cancel] [name=reason]") == "Injury"

    with page.expect_navigation():
        page.click("[data-save]")
    assert event.bouts.in_card_order()[1] == first
    assert asked == ["beforeunload"]


def test_an_order_that_is_put_back_needs_no_saving(page: Page, event: Event) -> None:
    first = event.bouts.get(sequence_no=1)
    open_editor(page, event)
    page.click(f"{row(page, first)} [data-down]")
    expect(page.locator("[data-save]")).to_be_enabled()
    page.click(f"{row(page, first)} [data-up]")

    expect(page.locator("[data-save]")).to_be_disabled()
    expect(page.locator("[data-unsaved-line]")).to_have_text("")


def test_silence_is_no_refusal(page: Page, event: Event) -> None:
    open_editor(page, event)
    page.fill("[data-form=rename] [name=name]", "Another name")
    page.route("**/editor/act/", lambda route: route.fulfill(status=502, body="<h1>Bad gateway</h1>"))
    page.click("[data-form=rename] button")
    expect(page.locator("[data-told]")).to_contain_text("not known whether that arrived")
    expect(page.locator("button[data-see]")).to_be_visible()
    page.unroute("**/editor/act/")
    page.route("**/editor/act/", lambda route: route.fulfill(status=403, body="<h1>Forbidden</h1>"))
    page.click("[data-form=rename] button")
    expect(page.locator("[data-told]")).to_contain_text("nothing was changed")
    page.unroute("**/editor/act/")
    assert page.input_value("[data-form=rename] [name=name]") == "Another name"

    page.context.clear_cookies(name="sessionid")
    page.click("[data-form=rename] button")
    expect(page.locator("[data-signed-out]")).to_be_visible()
    expect(page.locator("[data-signed-out] a")).to_have_attribute(
        "href", f"/admin/login/?next=/admin/events/event/{event.pk}/editor/"
    )
