"""A card worked on the live board, and arranged in the event editor, in a real browser."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, Route, expect

from apps.core.actor import Actor
from apps.events import services
from apps.events.enums import BoutState, Result
from apps.events.models import Bout, Event
from tests.factories.events import BoutFactory, BoutReportFactory, EventFactory, LiveFeedFactory
from tests.factories.fighters import FighterFactory
from tests.factories.users import PASSWORD, UserFactory

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

# A folder for the pictures of a person who wants to look at them.
PICTURES = os.environ.get("PICTURES", "")
CONFIRM = "[data-step-two]"


def sign_in(browser: Browser, site: str, *, language: str = "en", dark: bool = False, width: int = 1440) -> Page:
    user = UserFactory(role="administrator")
    context = browser.new_context(
        base_url=site, viewport={"width": width, "height": 1000}, color_scheme="dark" if dark else "light"
    )
    context.add_cookies([{"name": "django_language", "value": language, "url": site}])
    page = context.new_page()
    page.goto("/admin/login/")
    page.fill("[name=username]", user.username)
    page.fill("[name=password]", PASSWORD)
    page.click("#login-form button[type=submit]")
    page.wait_for_url("**/admin/")
    return page


@pytest.fixture
def page(browser: Browser, site: str) -> Iterator[Page]:
    page = sign_in(browser, site)
    yield page
    page.context.close()


def card() -> Event:
    event = EventFactory(name="Fight Night: Zhang vs. Yan", status="live")
    LiveFeedFactory(event=event, answered_at=timezone.now())
    weili, xiaonan = FighterFactory(name="Zhang Weili"), FighterFactory(name="Yan Xiaonan")
    BoutFactory(event=event, sequence_no=1, red_fighter=weili, blue_fighter=xiaonan, scheduled_rounds=5)
    names = ("Song Yadong", "Deiveson Figueiredo"), ("Mizuki Inoue", "Benoît Saint-Denis")
    for number, (red, blue) in enumerate(names, start=2):
        BoutFactory(
            event=event,
            sequence_no=number,
            scheduled_rounds=3,
            card_segment="prelims",
            red_fighter=FighterFactory(name=red),
            blue_fighter=FighterFactory(name=blue),
        )
    opener = event.bouts.get(sequence_no=3)
    BoutReportFactory(bout=opener, state="in_round", round=2, clock_sec=201)
    return event


def row(page: Page, bout: Bout) -> str:
    return f"[data-bout='{bout.pk}']"


def test_a_bout_is_worked_from_the_walk_to_its_result(page: Page) -> None:
    event = card()
    bout = event.bouts.get(sequence_no=1)
    place = row(page, bout)
    page.goto(f"/admin/events/event/{event.pk}/board/")

    page.click(f"{place} >> text=Fighters walk out")
    expect(page.locator(f"{place} .bjz-board-chips")).to_contain_text("walking out")
    page.click(f"{place} >> text=Round 1 begins")
    expect(page.locator(f"{place} .bjz-board-round")).to_have_text("Round 1/5")
    page.click(f"{place} [data-open-result]")
    page.click(f"{place} .bjz-choice-red")
    page.click(f"{place} label:has-text('submission')")
    page.fill(f"{place} [name=time]", "3:07")
    page.click(f"{place} [data-check]")
    sentence = page.locator(f"{place} [data-sentence]")
    expect(sentence).to_have_text("Zhang Weili beats Yan Xiaonan, submission, round 1, 3:07.")
    page.click(f"{place} [data-send='0']")
    expect(page.locator(f"{place} .bjz-board-facts")).to_contain_text("Zhang Weili wins")
    bout.refresh_from_db()
    assert (bout.state, bout.winner_fighter_id, bout.time_sec) == ("provisional", bout.red_fighter_id, 187)

    page.click(f"{place} [data-deed=undo]")
    expect(page.locator(f"{place} .bjz-board-round")).to_have_text("Round 1/5")
    bout.refresh_from_db()
    assert (bout.state, bout.winner_fighter_id) == ("in_round", None)


def somebody_else() -> Actor:
    return Actor.of_user(UserFactory(role="operator"))


def test_of_two_operators_the_second_sees_what_the_first_did_and_keeps_the_entry(page: Page) -> None:
    event = card()
    bout = event.bouts.get(sequence_no=1)
    place = row(page, bout)
    page.goto(f"/admin/events/event/{event.pk}/board/")
    page.click(f"{place} [data-open-result]")
    page.click(f"{place} .bjz-choice-blue")
    page.fill(f"{place} [name=method_detail]", "Head kick")
    page.route("**/board/state/", lambda route: route.abort())
    page.click(f"{place} [data-check]")
    services.step_bout(bout.pk, to=BoutState.WALKOUTS, actor=somebody_else(), expected_version=1)
    page.unroute("**/board/state/")
    page.click(f"{place} [data-send='0']")

    conflict = page.locator(f"{place} [data-conflict-line]")
    expect(conflict).to_contain_text("Somebody else changed this bout")
    expect(conflict).to_contain_text("walking out")
    assert page.input_value(f"{place} [name=method_detail]") == "Head kick"
    bout.refresh_from_db()
    assert bout.state == "walkouts"

    page.click(f"{place} [data-check]")
    page.click(f"{place} [data-send='0']")
    expect(page.locator(f"{place} .bjz-board-facts")).to_contain_text("Yan Xiaonan wins")


def test_a_form_that_was_open_when_the_result_became_official_can_still_be_sent(page: Page) -> None:
    event = card()
    bout = event.bouts.get(sequence_no=1)
    place = row(page, bout)
    page.goto(f"/admin/events/event/{event.pk}/board/")
    page.click(f"{place} [data-open-result]")
    page.click(f"{place} .bjz-choice-blue")
    page.fill(f"{place} [name=method_detail]", "Head kick")
    decided = services.Ending(Result.WIN, "red", "submission", round=2, time_sec=83, official=True)
    services.enter_result(bout.pk, decided, actor=somebody_else(), expected_version=1)

    expect(page.locator(f"{place} [data-conflict-line]")).to_contain_text("official result", timeout=15_000)
    expect(page.locator(f"{place} [name=method_detail]")).to_be_focused()
    assert page.input_value(f"{place} [name=method_detail]") == "Head kick"
    assert page.is_checked(f"{place} [name=winner][value=blue]")
    # What was not touched follows the present state.
    assert page.input_value(f"{place} [name=time]") == "1:23"
    page.fill(f"{place} [name=reason]", "Corners swapped")
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES) / "board-conflict.png"), full_page=True)
    page.click(f"{place} [data-check]")
    sentence = page.locator(f"{place} [data-sentence]")
    expect(sentence).to_have_text("Yan Xiaonan beats Zhang Weili, submission, Head kick, round 2, 1:23.")
    page.click(f"{place} [data-send='1']")
    expect(page.locator(f"{place} .bjz-board-facts")).to_contain_text("Corners swapped")
    bout.refresh_from_db()
    assert (bout.state, bout.winner_fighter_id) == ("amended", bout.blue_fighter_id)


def test_after_a_replacement_the_open_form_names_the_new_fighter_and_asks_again_who_won(page: Page) -> None:
    event = card()
    bout = event.bouts.get(sequence_no=1)
    place = row(page, bout)
    page.goto(f"/admin/events/event/{event.pk}/board/")
    page.click(f"{place} [data-open-result]")
    page.click(f"{place} .bjz-choice-red")
    page.click(f"{place} label:has-text('submission')")
    page.click(f"{place} [data-check]")
    newcomer = FighterFactory(name="Newcomer Nia")
    services.replace_fighter(
        bout.pk, corner="red", fighter_id=newcomer.pk, reason="Injury", actor=somebody_else(), expected_version=1
    )

    expect(page.locator(f"{place} .bjz-choice-red")).to_have_text("Newcomer Nia", timeout=15_000)
    expect(page.locator(f"{place} {CONFIRM}")).to_be_hidden()
    assert not page.is_checked(f"{place} [name=winner][value=red]")
    assert page.is_checked(f"{place} [name=method][value=submission]")
    page.click(f"{place} [data-check]")
    expect(page.locator(f"{place} [data-bad]")).to_have_text("Say who won.")
    page.click(f"{place} .bjz-choice-red")
    page.click(f"{place} [data-check]")
    expect(page.locator(f"{place} [data-sentence]")).to_contain_text("Newcomer Nia beats Yan Xiaonan")
    page.click(f"{place} [data-send='1']")
    expect(page.locator(f"{place} .bjz-board-facts")).to_contain_text("Newcomer Nia wins")


def test_ones_own_step_is_no_conflict_with_the_open_form(page: Page) -> None:
    event = card()
    bout = event.bouts.get(sequence_no=1)
    place = row(page, bout)
    page.goto(f"/admin/events/event/{event.pk}/board/")
    page.click(f"{place} [data-open-result]")
    page.fill(f"{place} [name=method_detail]", "Head kick")
    page.click(f"{place} >> text=Round 1 begins")
    expect(page.locator(f"{place} .bjz-board-round")).to_have_text("Round 1/5")

    expect(page.locator(f"{place} [data-conflict-line]")).to_be_hidden()
    assert page.input_value(f"{place} [name=method_detail]") == "Head kick"
    assert page.is_checked(f"{place} [name=round][value='1']")


def test_a_lost_connection_says_so_and_keeps_what_was_typed(page: Page) -> None:
    event = card()
    bout = event.bouts.get(sequence_no=1)
    place = row(page, bout)
    page.goto(f"/admin/events/event/{event.pk}/board/")
    page.click(f"{place} [data-open-result]")
    page.click(f"{place} .bjz-choice-red")
    page.fill(f"{place} [name=method_detail]", "Armbar")

    def away(route: Route) -> None:
        route.abort()

    page.route("**/board/**", away)
    page.click(f"{place} [data-check]")
    page.click(f"{place} [data-send='0']")
    expect(page.locator("[data-lost-line]")).to_be_visible()
    assert page.input_value(f"{place} [name=method_detail]") == "Armbar"

    page.unroute("**/board/**", away)
    expect(page.locator("[data-lost-line]")).to_be_hidden(timeout=15_000)
    assert page.input_value(f"{place} [name=method_detail]") == "Armbar"
    page.click(f"{place} [data-send='0']")
    expect(page.locator(f"{place} .bjz-board-facts")).to_contain_text("Armbar")


def test_the_card_is_arranged_by_dragging_and_a_fighter_replaced(page: Page) -> None:
    event = card()
    FighterFactory(name="Newcomer Nia")
    first, last = event.bouts.get(sequence_no=1), event.bouts.get(sequence_no=3)
    page.goto(f"/admin/events/event/{event.pk}/editor/")

    top = {"x": 40, "y": 4}
    page.drag_and_drop(f"{row(page, last)} .bjz-editor-grip", row(page, first), target_position=top)
    with page.expect_navigation():
        page.click("[data-save]")
    expect(page.locator("[data-told]")).to_contain_text("saved")
    assert event.bouts.in_card_order().first() == last

    page.click(f"{row(page, first)} [data-open=cancel]")
    page.fill(f"{row(page, first)} [data-form=cancel] [name=reason]", "Injury in training")
    with page.expect_navigation():
        page.click(f"{row(page, first)} [data-form=cancel] .bjz-button-danger")
    expect(page.locator(f"{row(page, first)} p")).to_contain_text("Injury in training")
    first.refresh_from_db()
    assert (first.state, first.cancel_reason) == ("cancelled", "Injury in training")


@pytest.mark.parametrize("width", [375, 1440])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_pages_fit_the_window(browser: Browser, site: str, language: str, dark: bool, width: int) -> None:
    event = card()
    page = sign_in(browser, site, language=language, dark=dark, width=width)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    if dark:
        page.evaluate("localStorage.setItem('adminTheme', JSON.stringify('dark'))")
    for name in ("board", "editor"):
        page.goto(f"/admin/events/event/{event.pk}/{name}/")
        if name == "board":
            opener = event.bouts.get(sequence_no=1)
            page.click(f"{row(page, opener)} [data-open-result]")
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
        small = page.evaluate(
            "[...document.querySelectorAll('.bjz-board-big, .bjz-choice span')].filter(e => e.offsetParent)"
            ".map(e => e.getBoundingClientRect().height).filter(h => h < 44)"
        )
        assert small == []
        if PICTURES:
            file = Path(PICTURES) / f"{name}-{language}-{'dark' if dark else 'light'}-{width}.png"
            page.screenshot(path=str(file), full_page=True)
    assert errors == []
    page.context.close()
