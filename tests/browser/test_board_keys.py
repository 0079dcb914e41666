"""The live board worked with the keyboard and under a finger, while the card comes anew every few seconds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from apps.events import services
from apps.events.enums import BoutState
from apps.events.models import Bout, Event
from apps.users.models import User
from tests.browser.test_live_board import card, row, sign_in, somebody_else
from tests.factories.users import PASSWORD

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]
ENDED = "End of round 1"


@pytest.fixture
def page(browser: Browser, site: str) -> Iterator[Page]:
    page = sign_in(browser, site)
    yield page
    page.context.close()


@pytest.fixture
def event() -> Event:
    return card()


@pytest.fixture
def bout(event: Event) -> Bout:
    return event.bouts.get(sequence_no=1)


def open_board(page: Page, event: Event) -> None:
    page.goto(f"/admin/events/event/{event.pk}/board/")


def looks(page: Page, times: int = 1) -> None:
    """Wait until the board has asked so many times and has taken the answer."""
    for _time in range(times):
        with page.expect_response("**/board/state/", timeout=15_000):
            pass
    page.wait_for_timeout(100)


def step(bout: Bout, to: BoutState) -> None:
    bout.refresh_from_db()
    services.step_bout(bout.pk, to=to, actor=somebody_else(), expected_version=bout.version)


def test_what_is_the_same_is_not_exchanged(page: Page, event: Event, bout: Bout) -> None:
    open_board(page, event)
    # With its running seconds.
    page.click(f"{row(page, bout)} >> text=Round 1 begins")
    expect(page.locator(f"{row(page, bout)} [data-undo-left]")).to_be_visible()
    looks(page)
    page.evaluate("document.querySelector('[data-bouts]').firstElementChild.dataset.mine = '1'")

    looks(page, 2)

    expect(page.locator("[data-mine]")).to_have_count(1)
    step(bout, BoutState.BETWEEN_ROUNDS)
    expect(page.locator(f"{row(page, bout)} .bjz-board-chips")).to_contain_text("between rounds", timeout=15_000)
    expect(page.locator("[data-mine]")).to_have_count(0)


def test_a_button_keeps_the_focus_when_another_bout_changes(page: Page, event: Event, bout: Bout) -> None:
    other = event.bouts.get(sequence_no=2)
    open_board(page, event)
    button = page.locator(f"{row(page, bout)} [data-value-to=in_round]")
    button.focus()
    step(other, BoutState.WALKOUTS)
    expect(page.locator(f"{row(page, other)} .bjz-board-chips")).to_contain_text("walking out", timeout=15_000)

    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(f"{row(page, bout)} .bjz-board-round")).to_have_text("Round 1/5")


def test_where_the_button_is_gone_its_bout_has_the_focus(page: Page, event: Event, bout: Bout) -> None:
    open_board(page, event)
    page.focus(f"{row(page, bout)} [data-value-to=in_round]")
    page.keyboard.press("Enter")
    expect(page.locator(f"{row(page, bout)} .bjz-board-round")).to_have_text("Round 1/5")

    expect(page.locator(row(page, bout))).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator(f"{row(page, bout)} >> text={ENDED}")).to_be_focused()
    bout.refresh_from_db()
    assert (bout.state, bout.version) == ("in_round", 2)


def test_enter_in_the_time_checks_the_result(page: Page, event: Event, bout: Bout) -> None:
    open_board(page, event)
    page.click(f"{row(page, bout)} [data-open-result]")
    page.click(f"{row(page, bout)} .bjz-choice-red")
    page.fill(f"{row(page, bout)} [name=time]", "3:07")
    page.press(f"{row(page, bout)} [name=time]", "Enter")

    expect(page.locator(f"{row(page, bout)} [data-sentence]")).to_have_text("Zhang Weili beats Yan Xiaonan, 3:07.")
    bout.refresh_from_db()
    assert bout.state == "scheduled"


def test_nothing_is_exchanged_under_a_finger(page: Page, event: Event, bout: Bout) -> None:
    other = event.bouts.get(sequence_no=2)
    open_board(page, event)
    page.hover(f"{row(page, bout)} >> text=Round 1 begins")
    page.mouse.down()
    step(other, BoutState.WALKOUTS)
    looks(page)
    expect(page.locator(f"{row(page, other)} .bjz-board-chips")).not_to_contain_text("walking out")
    page.mouse.up()

    expect(page.locator(f"{row(page, bout)} .bjz-board-round")).to_have_text("Round 1/5")
    expect(page.locator(f"{row(page, other)} .bjz-board-chips")).to_contain_text("walking out")


def test_what_came_meanwhile_is_shown_when_the_finger_is_lifted_beside_the_buttons(
    page: Page, event: Event, bout: Bout
) -> None:
    open_board(page, event)
    page.hover(f"{row(page, bout)} .bjz-board-number")
    page.mouse.down()
    step(bout, BoutState.WALKOUTS)
    looks(page)
    page.mouse.up()

    expect(page.locator(f"{row(page, bout)} .bjz-board-chips")).to_contain_text("walking out", timeout=1_500)


# --- answers that never came ------------------------------------------------------------------------------------------
def arrives_unanswered(route: Route) -> None:
    """The deed is done, its answer is lost."""
    route.fetch()
    route.fulfill(status=504, body="<h1>Gateway timeout</h1>")


def test_a_deed_without_an_answer_is_looked_for(page: Page, event: Event, bout: Bout) -> None:
    open_board(page, event)
    page.route("**/board/act/", arrives_unanswered)
    page.click(f"{row(page, bout)} >> text=Round 1 begins")

    expect(page.locator("[data-told]")).to_contain_text("It was not known whether that arrived")
    expect(page.locator(f"{row(page, bout)} .bjz-board-round")).to_have_text("Round 1/5")
    expect(page.locator("[data-lost-line]")).to_be_hidden()


def test_a_result_without_an_answer_is_not_blamed_on_somebody_else(page: Page, event: Event, bout: Bout) -> None:
    place = row(page, bout)
    open_board(page, event)
    page.click(f"{place} [data-open-result]")
    page.click(f"{place} .bjz-choice-red")
    page.click(f"{place} [data-check]")
    page.route("**/board/act/", arrives_unanswered)
    page.click(f"{place} [data-send='0']")

    expect(page.locator(f"{place} [data-conflict-line]")).to_contain_text("perhaps by what you sent yourself")
    expect(page.locator(f"{place} .bjz-board-facts")).to_contain_text("Zhang Weili wins")


def test_a_refusal_says_that_nothing_was_changed(page: Page, event: Event, bout: Bout) -> None:
    open_board(page, event)
    page.route("**/board/act/", lambda route: route.fulfill(status=403, body="<h1>Forbidden</h1>"))
    page.click(f"{row(page, bout)} >> text=Round 1 begins")

    expect(page.locator("[data-told]")).to_contain_text("The server refused that; nothing was changed")
    bout.refresh_from_db()
    assert bout.version == 1


def test_who_was_signed_out_signs_in_beside_and_goes_on(page: Page, event: Event, bout: Bout) -> None:
    place = row(page, bout)
    open_board(page, event)
    page.click(f"{place} [data-open-result]")
    page.click(f"{place} .bjz-choice-red")
    page.fill(f"{place} [name=method_detail]", "Armbar")
    page.context.clear_cookies(name="sessionid")
    expect(page.locator("[data-signed-out]")).to_be_visible(timeout=15_000)
    assert page.input_value(f"{place} [name=method_detail]") == "Armbar"

    with page.context.expect_page() as opened:
        page.click("[data-signed-out] a")
    beside = opened.value
    beside.fill("[name=username]", User.objects.get().username)
    beside.fill("[name=password]", PASSWORD)
    beside.click("#login-form button[type=submit]")
    beside.wait_for_url("**/board/")
    beside.close()
    expect(page.locator("[data-signed-out]")).to_be_hidden(timeout=15_000)
    page.click(f"{place} [data-check]")
    page.click(f"{place} [data-send='0']")
    expect(page.locator(f"{place} .bjz-board-facts")).to_contain_text("Armbar")


def test_the_clock_of_the_round_runs_by_itself(page: Page, event: Event, bout: Bout) -> None:
    open_board(page, event)
    page.click(f"{row(page, bout)} >> text=Round 1 begins")
    clock = page.locator(f"{row(page, bout)} [data-elapsed]")
    expect(clock).to_be_visible()
    page.route("**/board/state/", lambda route: route.abort())
    expect(clock).to_have_text(re.compile(r"0:(0[6-9]|\d\d)"), timeout=12_000)


def test_how_long_ago_is_told_without_an_exchange(page: Page, event: Event, bout: Bout) -> None:
    open_board(page, event)
    looks(page)
    page.evaluate("document.querySelector('[data-bouts]').firstElementChild.dataset.mine = '1'")
    event.feed.answered_at -= timedelta(minutes=1)
    event.feed.save()

    expect(page.locator("[data-mine] time").first).to_have_text("1 min ago", timeout=15_000)
