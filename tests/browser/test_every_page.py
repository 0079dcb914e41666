"""Every page of the back-office in Chromium: both languages, both themes, two widths, empty and full.

Fails on a console error, untranslated text, sideways scrolling, a serious finding of axe, an answer other than 200
or a page over its query budget.  Leaves all screenshots under ``.local/screens/``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Response

from tests.browser import content, judge, pages, sheet
from tests.browser.server import QUERIES
from tests.factories.users import PASSWORD, UserFactory

WIDE = {"width": 1440, "height": 900}
NARROW = {"width": 375, "height": 812}
LAYOUTS = (("wide", WIDE, "light"), ("wide", WIDE, "dark"), ("narrow", NARROW, "light"), ("narrow", NARROW, "dark"))
# Enough to see English texts and empty lists: the widest and lightest, the narrowest and darkest.
TWO_LAYOUTS = (LAYOUTS[0], LAYOUTS[-1])
# Resolves when the page has been drawn in the theme.  Error pages have no script and follow the system.
SWITCH_THEME = """async (theme) => {
    if (!window.Alpine) return;
    Alpine.$data(document.documentElement).switchTheme(theme);
    const drawn = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    while (!document.documentElement.classList.contains(theme)) await drawn();
    await drawn();
}"""


@dataclass
class Walk:
    """One signed-in person going through all pages; problems are collected so that one run shows them all."""

    browser: Browser
    site: str
    language: str
    group: str
    layouts: tuple[Any, ...] = LAYOUTS
    problems: list[str] = field(default_factory=list)
    shots: list[str] = field(default_factory=list)
    data: list[str] = field(default_factory=list)
    _console: list[str] = field(default_factory=list)
    _texts: set[str] = field(default_factory=set)

    def open(self) -> Page:
        context: BrowserContext = self.browser.new_context(
            viewport=WIDE,
            locale="zh-CN" if self.language == "zh-hans" else "en-US",
            timezone_id="Asia/Shanghai",
            reduced_motion="reduce",
        )
        context.add_cookies([{"name": "django_language", "value": self.language, "url": self.site}])
        page = context.new_page()
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self._console.append(str(error)))
        page.on("response", self._on_response)
        return page

    def _on_console(self, message: ConsoleMessage) -> None:
        # The browser's own line about a status is reported, with its address, by _on_response.
        if message.type == "error" and "the server responded with a status" not in message.text:
            self._console.append(message.text)

    def _on_response(self, response: Response) -> None:
        if response.status >= 400:
            self._console.append(f"{response.status} for {response.url}")

    def sign_in(self, page: Page, name: str) -> None:
        page.goto(f"{self.site}/admin/login/")
        page.fill("[name=username]", name)
        page.fill("[name=password]", PASSWORD)
        page.click("#login-form button[type=submit]")
        page.wait_for_url(f"{self.site}/admin/")

    def visit(self, page: Page, name: str, path: str, budget: int | None = None, status: int = 200) -> None:
        response = page.goto(f"{self.site}{path}")
        assert response is not None
        if response.status != status:
            self.problems.append(f"{name}: answered {response.status}")
        queries = int(response.headers.get(QUERIES.lower(), "0"))
        if budget is not None and queries > budget:
            self.problems.append(f"{name}: {queries} queries, allowed are {budget}")
        if status >= 400:
            self._console.clear()
        self.look(page, name)

    def look(self, page: Page, name: str, *, dialog: bool = False) -> None:
        """Judge what the browser shows now in all layouts of this walk; a dialog in two, without what it covers."""
        page.wait_for_function("() => !document.documentElement.hasAttribute('x-cloak')")
        self._note_texts(name, page)
        for width, size, theme in TWO_LAYOUTS if dialog else self.layouts:
            label = f"{name} {width} {theme}"
            page.set_viewport_size(size)
            page.evaluate(SWITCH_THEME, theme)
            self._note(label, judge.too_wide(page))
            if self.language == "zh-hans" and (width, theme) != ("narrow", "light"):
                # What axe can find differs between the themes by contrast alone, between the languages not at all.
                rules = None if theme == "light" else ["color-contrast"]
                self._note(label, judge.inaccessible(page, "#dialog" if dialog else "html", rules))
            shot = f"{self.group}-{name}-{width}-{theme}.jpeg"
            page.screenshot(path=sheet.FOLDER / shot, type="jpeg", quality=70)
            self.shots.append(shot)
        page.set_viewport_size(WIDE)
        page.evaluate(SWITCH_THEME, "light")
        self._note(name, self._console)
        self._console.clear()

    def _note_texts(self, name: str, page: Page) -> None:
        """Each untranslated text once, with the first page that shows it."""
        found = [text for text in judge.untranslated(page, self.language, self.data) if text not in self._texts]
        self._texts.update(found)
        self._note(name, found)

    def _note(self, name: str, problems: list[str]) -> None:
        self.problems += [f"{name}: {problem}" for problem in problems]

    def open_dialogs(self, page: Page, name: str) -> None:
        """Open each kind of dialog that the page offers once."""
        seen: set[str] = set()
        for address in page.eval_on_selector_all(
            "button[hx-get]", "all => all.map(item => item.getAttribute('hx-get'))"
        ):
            kind = address.rstrip("/").rsplit("/", 1)[-1]
            if kind in seen:
                continue
            seen.add(kind)
            page.click(f"button[hx-get='{address}']")
            page.wait_for_selector("#dialog", state="visible")
            self.look(page, f"{name}-{kind}", dialog=True)
            page.keyboard.press("Escape")
            page.wait_for_selector("#dialog", state="hidden")


@pytest.fixture
def walk(browser: Browser, site: str) -> Callable[[str, str], Walk]:
    sheet.FOLDER.mkdir(parents=True, exist_ok=True)

    def start(language: str, group: str) -> Walk:
        for old in sheet.FOLDER.glob(f"{group}-*.jpeg"):
            old.unlink()
        return Walk(browser, site, language, group)

    return start


@pytest.mark.e2e
@pytest.mark.timeout(600)
@pytest.mark.parametrize("language", ["zh-hans", "en"])
@pytest.mark.parametrize("fill", ["empty", "full"])
def test_every_page_is_fit_to_be_seen(
    walk: Callable[[str, str], Walk], browser: Browser, language: str, fill: str
) -> None:
    user = UserFactory(username="boss", superuser=True)
    if fill == "full":
        content.fill()
    tour = walk(language, f"{fill}-{language}")
    tour.data = content.texts_of_data()
    tour.layouts = LAYOUTS if (language, fill) == ("zh-hans", "full") else TWO_LAYOUTS
    page = tour.open()

    tour.visit(page, "login", "/admin/login/")
    tour.sign_in(page, user.username)
    for item in pages.pages(user):
        tour.visit(page, item.name, item.path, item.budget)
        if item.dialogs:
            tour.open_dialogs(page, item.name)
    tour.visit(page, "not-found", "/admin/nowhere/", status=404)
    page.context.close()
    sheet.write(browser, tour.group, tour.shots)

    assert not tour.problems, "\n".join(["", *dict.fromkeys(tour.problems)])
