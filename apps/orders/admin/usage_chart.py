"""Data usage per day as a picture: a small SVG drawn here, so that it needs no script and prints like text."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from django.template.defaultfilters import filesizeformat
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

DAYS = 30
WIDTH, HEIGHT = 520, 170
LEFT, BOTTOM, TOP = 78, 24, 12
# A day with a little use must not look like a day without.
LEAST_BAR = 2.0
LABEL_EVERY_DAYS = 7


@dataclass(frozen=True, slots=True)
class Bar:
    """Coordinates as text: a template would write 1,5 for 1.5 in some languages."""

    x: str
    y: str
    width: str
    height: str
    middle: str
    day: dt.date
    amount: str
    label: str


def usage_chart(usage: Mapping[dt.date, int], *, until: dt.date) -> SafeString:
    """The 30 days that end with ``until``; a day that is not known has no bar.  Nothing known: a sentence."""
    days = [until - dt.timedelta(days=back) for back in reversed(range(DAYS))]
    shown = {day: usage[day] for day in days if day in usage}
    if not shown:
        return SafeString(_("No usage known for these days."))
    most = max(shown.values()) or 1
    bars = [_bar(place, day, shown[day], most, until) for place, day in enumerate(days) if day in shown]
    total = sum(shown.values())
    about = {"days": DAYS, "total": filesizeformat(total), "most": filesizeformat(most)}
    return render_to_string(
        "orders/usage_chart.html",
        {
            "bars": bars,
            "ticks": [
                _tick(place, day) for place, day in enumerate(days) if (until - day).days % LABEL_EVERY_DAYS == 0
            ],
            "width": WIDTH,
            "height": HEIGHT,
            "left": LEFT,
            "base": HEIGHT - BOTTOM,
            "top": TOP,
            "half": TOP + (HEIGHT - BOTTOM - TOP) // 2,
            "most": filesizeformat(most),
            "half_of_most": filesizeformat(most // 2),
            "summary": _("Data used in %(days)d days: %(total)s in all, %(most)s on the busiest day") % about,
        },
    )


def _step() -> float:
    return (WIDTH - LEFT) / DAYS


def _bar(place: int, day: dt.date, used: int, most: int, until: dt.date) -> Bar:
    tall = (HEIGHT - BOTTOM - TOP) * used / most
    tall = max(tall, LEAST_BAR) if used else 0.0
    left = LEFT + place * _step()
    amount = filesizeformat(used)
    return Bar(
        x=f"{left + 1.5:.1f}",
        y=f"{HEIGHT - BOTTOM - tall:.1f}",
        width=f"{_step() - 3:.1f}",
        height=f"{tall:.1f}",
        middle=f"{left + _step() / 2:.1f}",
        day=day,
        amount=amount,
        label=f"{day.isoformat()}: {amount}",
    )


def _tick(place: int, day: dt.date) -> tuple[str, str]:
    return f"{LEFT + place * _step() + _step() / 2:.1f}", f"{day:%m-%d}"
