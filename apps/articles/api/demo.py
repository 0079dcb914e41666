"""The demo feed and its pages: pieces of our own writing, served only where DEMO_CONTENT is set.

The address of the feed and of each page stays the same from day to day; one piece a day is new, so that there is
always something to review.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.feedgenerator import Rss201rev2Feed
from django.views.decorators.http import require_safe

HOURS_BETWEEN_PIECES = 3


@dataclass(frozen=True, slots=True)
class DemoPiece:
    slug: str
    title: str
    summary: str


PIECES = (
    DemoPiece(
        "shanghai-card-complete",
        "上海站四场对阵全部出炉",
        "主赛、副赛各两场已经签约，唐若溪的女子草量级对决列为压轴。门票下周一开售。",
    ),
    DemoPiece(
        "comeback-after-two-years",
        "Marek Dubrowny returns after two years away",
        "A rebuilt knee, a new gym and three rounds against Chen Lifeng: the former challenger is back on the card.",
    ),
    DemoPiece(
        "weigh-in-rules",
        "称重新规：赛前三十天体重备案",
        "新规要求选手提前三十天备案体重，比赛当日涨幅超过百分之十将接受复检。",
    ),
    DemoPiece(
        "scorecards-open",
        "Open scoring trial extended to the whole season",
        "Corners will see the judges' cards between rounds; the commission wants a year of data before it decides.",
    ),
    DemoPiece(
        "grappling-camp-chengdu",
        "成都训练营：七天只练地面",
        "来自九个国家的二十名选手在成都完成为期一周的地面技术集训，每天六小时。",
    ),
    DemoPiece(
        "featherweight-ranking",
        "Three newcomers enter the featherweight ranking",
        "After last weekend's card three fighters appear in the list for the first time, two of them by knockout.",
    ),
    DemoPiece(
        "referee-seminar",
        "裁判研讨会：何时叫停比赛",
        "十五名裁判逐帧讨论三十段录像，对“有效防守”的判断达成一致标准。",
    ),
)


@require_safe
def demo_feed(request: HttpRequest) -> HttpResponse:
    """The feed, with an ETag: an unchanged one is answered with 304."""
    _require_demo()
    today = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    origin = f"{request.scheme}://{request.get_host()}"
    feed = Rss201rev2Feed(
        title="八角志演示 · Bajiaozhi demo",
        link=f"{origin}/",
        description="Pieces of our own writing",
        language="zh-hans",
    )
    for number, piece in enumerate((_piece_of_the_day(today.date()), *PIECES)):
        address = f"{origin}/demo/articles/{piece.slug}"
        feed.add_item(
            title=piece.title,
            link=address,
            unique_id=address,
            description=piece.summary,
            pubdate=today - dt.timedelta(hours=number * HOURS_BETWEEN_PIECES),
        )
    body = feed.writeString("utf-8").encode()
    etag = f'"{hashlib.sha256(body).hexdigest()[:24]}"'
    if request.headers.get("If-None-Match") == etag:
        return HttpResponse(status=304, headers={"ETag": etag})
    return HttpResponse(body, content_type="application/rss+xml; charset=utf-8", headers={"ETag": etag})


@require_safe
def demo_article(request: HttpRequest, slug: str) -> HttpResponse:
    """What "original" leads to."""
    _require_demo()
    piece = next((piece for piece in PIECES if piece.slug == slug), None) or _piece_of_some_day(slug)
    return render(request, "articles/demo_article.html", {"piece": piece})


def _piece_of_the_day(day: dt.date) -> DemoPiece:
    return DemoPiece(
        f"today-{day:%Y-%m-%d}",
        f"今日看点 {day:%Y-%m-%d}",
        f"演示内容每天一条。The demo's piece of {day:%Y-%m-%d}: approve it, and it stands first in the public list.",
    )


def _piece_of_some_day(slug: str) -> DemoPiece:
    """Yesterday's piece can still be read."""
    try:
        return _piece_of_the_day(dt.date.fromisoformat(slug.removeprefix("today-")))
    except ValueError as error:
        raise Http404 from error


def _require_demo() -> None:
    if not settings.DEMO_CONTENT:
        raise Http404
