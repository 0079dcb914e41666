"""What is wrong with a page: each function returns sentences, none when all is well."""

from __future__ import annotations

import re

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

# Proper names and terms that Chinese pages write in Latin letters too.
_NAMES = """
    Redis PostgreSQL MySQL MariaDB SQLite Python Django Celery celery kombu redis psycopg granian django beat unfold
    djangorestframework Web Worker worker Beat consumer Consumer EN CST UTC URL JSON RSS Atom RDF Feed HTTP IP ID API
    SIM ICCID UUID cron Cron Asia Shanghai apps scheduler HubScheduler vm ms KB MB GET POST PUT PATCH DELETE ETag
    CSV XLSX KO TKO ufcstats English Chrome Edge Firefox Opera Safari Windows macOS Linux Android iPhone iPad
"""
NAMES = frozenset(_NAMES.split())
WORD = re.compile(r"[A-Za-z][A-Za-z']+")
# A UUID or a digest, which is of no language.
IDENTIFIER = re.compile(r"\b(?=[0-9a-f-]*\d)[0-9a-f-]{8,}\b")
HAN = re.compile(r"[\u4e00-\u9fff]+")
# Shown in Chinese on purpose, whatever the language.
CHINESE_NAMES = frozenset({"中文", "八角志", "简体中文"})

_TEXTS = """() => {
    const skip = "script, style, code, pre, time, .bjz-mono, .bjz-json, .material-symbols-outlined, body [lang]";
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const node = walker.currentNode;
        const parent = node.parentElement;
        if (node.textContent.trim() && !parent.closest(skip)) found.push(node.textContent.trim());
    }
    for (const item of document.querySelectorAll("[title], [placeholder], [aria-label]")) {
        if (item.closest(skip)) continue;
        for (const name of ["title", "placeholder", "aria-label"]) {
            if (item.getAttribute(name)) found.push(item.getAttribute(name));
        }
    }
    found.push(document.title);
    return found;
}"""

_AXE = """async ([part, rules]) => {
    const measured = (node) => node.any.map((check) => check.data).filter((data) => data && data.contrastRatio)
        .map((data) => ` ${data.contrastRatio}: ${data.fgColor} on ${data.bgColor}`);
    const describe = (node) => node.html.slice(0, 160) + measured(node);
    const only = rules ? {runOnly: {type: "rule", values: rules}} : {};
    const result = await axe.run(part, {resultTypes: ["violations"], ...only});
    return result.violations
        .filter((found) => found.impact === "serious" || found.impact === "critical")
        .map((found) => found.id + ": " + found.nodes.slice(0, 3).map(describe).join(" | "));
}"""


def untranslated(page: Page, language: str, data: list[str]) -> list[str]:
    """Texts in the other language that are neither names nor data (long texts first)."""
    texts = dict.fromkeys(page.evaluate(_TEXTS))
    found = {text: _strange(_without(text, data), language) for text in texts if _strange(text, language)}
    return [f"untranslated: {text[:120]!r} ({', '.join(words[:5])})" for text, words in found.items() if words]


def _strange(text: str, language: str) -> list[str]:
    text = IDENTIFIER.sub(" ", text)
    if language == "zh-hans":
        return [word for word in WORD.findall(text) if word not in NAMES]
    return [run for run in HAN.findall(text) if run not in CHINESE_NAMES]


def _without(text: str, data: list[str]) -> str:
    for value in data:
        if value in text:
            text = text.replace(value, " ")
    return text


def too_wide(page: Page) -> list[str]:
    widths = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    if widths[0] <= widths[1]:
        return []
    culprits = page.evaluate("""() => [...document.querySelectorAll("body *")]
        .filter((item) => item.getBoundingClientRect().right > window.innerWidth + 1 && item.offsetParent)
        .slice(-3).map((item) => item.outerHTML.slice(0, 120))""")
    return [f"scrolls sideways: {widths[0]} > {widths[1]}: {culprits}"]


def inaccessible(page: Page, part: str, rules: list[str] | None) -> list[str]:
    """Serious and critical findings of axe in a part of the page, of these rules or of all."""
    if not page.evaluate("typeof axe !== 'undefined'"):
        page.evaluate(AXE_SCRIPT)
    return [f"axe {finding}" for finding in page.evaluate(_AXE, [part, rules])]
