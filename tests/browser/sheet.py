"""All screenshots on one sheet: ``.local/screens/index.html`` and one picture per language and fill."""

from __future__ import annotations

import html
from pathlib import Path

from playwright.sync_api import Browser

FOLDER = Path(__file__).resolve().parents[2] / ".local" / "screens"
HEAD = "<!DOCTYPE html><meta charset='utf-8'>"
STYLE = """
    body { font: 11px sans-serif; display: grid; grid-template-columns: repeat(auto-fill, minmax(300px, 1fr));
           gap: 10px; background: #888 }
    figure { margin: 0 }
    img { width: 100%; height: 220px; object-fit: contain; object-position: top; background: #666 }
"""


def write(browser: Browser, group: str, shots: list[str]) -> None:
    """``shots`` are file names without folder, in the order of the walk."""
    figures = "".join(
        f'<figure><a href="{html.escape(shot)}"><img src="{html.escape(shot)}"></a>'
        f"<figcaption>{html.escape(shot)}</figcaption></figure>"
        for shot in shots
    )
    sheet = FOLDER / f"{group}.html"
    sheet.write_text(f"{HEAD}<title>{html.escape(group)}</title><style>{STYLE}</style>{figures}", encoding="utf-8")
    page = browser.new_page(viewport={"width": 1600, "height": 900})
    page.goto(sheet.as_uri())
    page.screenshot(path=FOLDER / f"{group}.png", full_page=True)
    page.close()
    names = sorted(path.stem for path in FOLDER.glob("*.html") if path.stem != "index")
    links = "".join(f'<li><a href="{name}.html">{name}</a></li>' for name in names)
    (FOLDER / "index.html").write_text(f"{HEAD}<ul>{links}</ul>", encoding="utf-8")
