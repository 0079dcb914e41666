"""The identity desk worked with the keyboard: the number that is chosen, pairs one after the other, one's own undo."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from apps.events.services import identity
from apps.fighters.models import DistinctPair, FighterMerge, UnmatchedName
from apps.fighters.services import write_keys
from tests.browser.test_live_board import sign_in, somebody_else
from tests.factories.events import BoutFactory
from tests.factories.fighters import FighterFactory, UnmatchedNameFactory

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]
DESK = "/admin/fighters/unmatchedname/desk/"
FIELD, NUMBER = "#find-fighter", "#find-id"


@pytest.fixture
def page(browser: Browser, site: str) -> Iterator[Page]:
    page = sign_in(browser, site)
    yield page
    page.context.close()


def person(name: str) -> int:
    fighter = FighterFactory(name=name, name_zh="")
    write_keys([fighter.pk])
    return fighter.pk


def test_who_types_on_has_chosen_nobody(page: Page) -> None:
    chosen = person("Zhang Weili")
    question = UnmatchedNameFactory(name="Somebody Else")
    BoutFactory(red_fighter=question.fighter)
    page.goto(DESK)
    page.fill(FIELD, "Zhang")
    page.click(".bjz-hits button")
    assert page.input_value(NUMBER) == str(chosen)

    page.fill(FIELD, "Nobody at all")
    page.press(FIELD, "Enter")

    assert page.input_value(NUMBER) == ""
    question.refresh_from_db()
    assert question.is_open
    page.fill(NUMBER, str(chosen))
    assert page.input_value(FIELD) == ""
    with page.expect_navigation():
        page.press(NUMBER, "Enter")
    question.refresh_from_db()
    assert (question.status, question.fighter_id) == ("matched", chosen)


def test_every_pair_is_decided_with_the_keyboard(page: Page) -> None:
    pairs = [(person(f"{name} Silva"), person(f"Silva {name}")) for name in ("Ana", "Bea", "Cid")]
    page.goto(f"{DESK}?tab=pairs")
    current = page.locator("[data-pair][aria-current]")
    expect(current).to_contain_text("Ana Silva")
    page.keyboard.press("k")
    page.keyboard.press("j")
    expect(current).to_contain_text("Bea Silva")
    with page.expect_navigation():
        page.keyboard.press("d")
    # The next one has moved up to where one was.
    expect(current).to_contain_text("Cid Silva")
    page.keyboard.press("k")
    expect(current).to_contain_text("Ana Silva")
    with page.expect_navigation():
        page.keyboard.press("m")

    assert DistinctPair.objects.values_list("lower", "higher").get() == pairs[1]
    assert set(FighterMerge.objects.values_list("fighter", "other").get()) == set(pairs[0])
    expect(current).to_contain_text("Cid Silva")


def test_u_takes_back_ones_own_decision_only_and_says_which(page: Page) -> None:
    identity.merge_fighters(person("Old Name"), person("Other Person"), actor=somebody_else())
    nobody = UnmatchedNameFactory(name="NA", fighter=None)
    page.goto(DESK)
    page.keyboard.press("u")
    page.wait_for_timeout(300)
    assert not FighterMerge.objects.get().is_undone
    with page.expect_navigation():
        page.keyboard.press("x")
    assert UnmatchedName.objects.get().status == "dismissed"

    with page.expect_navigation():
        page.keyboard.press("u")

    expect(page.locator("body")).to_contain_text("NA is asked again.")
    nobody.refresh_from_db()
    assert nobody.is_open
    assert not FighterMerge.objects.get().is_undone
