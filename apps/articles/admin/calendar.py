"""The calendar of planned articles, mixed into the admin of articles: a month or a week, each piece at its time.

Days are days of the back-office's zone, which the page names.  Deeds are the dialogs of the articles' own pages, so
they send the version that was shown.  The page only reads; what its address asks in vain it answers with today.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Self

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import formats, timezone
from django.utils.translation import gettext_lazy as _

from apps.articles.admin.forms import zone_name
from apps.articles.models import Article

_VIEW, _CHANGE = "articles.view_article", "articles.change_article"
# A plan reaches one year ahead at most; more on one page than this nobody reads.
MOST_PLANNED = 500
DAY, WEEK = dt.timedelta(days=1), dt.timedelta(days=7)
_EARLIEST, _LATEST = dt.date(2000, 1, 1), dt.date(2200, 1, 1)


@dataclass(frozen=True, slots=True)
class Day:
    date: dt.date
    is_today: bool
    is_beside: bool
    articles: list[Article]


@dataclass(frozen=True, slots=True)
class Span:
    """The days that are shown: whole weeks from Monday; of a month also the days beside it."""

    date: dt.date
    is_week: bool

    @classmethod
    def of(cls, request: HttpRequest, today: dt.date) -> Self:
        try:
            date = dt.date.fromisoformat(request.GET.get("date", ""))
        except ValueError:
            date = today
        return cls(date if _EARLIEST <= date <= _LATEST else today, request.GET.get("view") == "week")

    @property
    def first(self) -> dt.date:
        begins = self.date if self.is_week else self.date.replace(day=1)
        return begins - DAY * begins.weekday()

    @property
    def after_last(self) -> dt.date:
        return self.first + WEEK if self.is_week else _monday_from(_next_month(self.date))

    def before(self) -> dt.date:
        return self.date - WEEK if self.is_week else (self.date.replace(day=1) - DAY).replace(day=1)

    def after(self) -> dt.date:
        return self.date + WEEK if self.is_week else _next_month(self.date)

    def has(self, day: dt.date) -> bool:
        return self.is_week or (day.year, day.month) == (self.date.year, self.date.month)

    def days(self) -> list[dt.date]:
        return [self.first + DAY * number for number in range((self.after_last - self.first).days)]

    def told(self) -> str:
        if not self.is_week:
            return formats.date_format(self.date, "YEAR_MONTH_FORMAT")
        return f"{formats.date_format(self.first)} – {formats.date_format(self.after_last - DAY)}"

    def query(self, date: dt.date | None = None, *, is_week: bool | None = None) -> str:
        week = self.is_week if is_week is None else is_week
        return f"?view={'week' if week else 'month'}&date={(date or self.date).isoformat()}"


class CalendarViews:
    admin_site: Any
    opts: Any
    address: Callable[..., str]

    def get_urls(self) -> list[Any]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_calendar"
        ours = [path("calendar/", self.admin_site.admin_view(self.calendar), name=name)]
        return [*ours, *super().get_urls()]  # type: ignore[misc]

    def calendar(self, request: HttpRequest) -> HttpResponse:
        if not request.user.has_perm(_VIEW):
            raise PermissionDenied
        now = timezone.now()
        today = timezone.localdate(now)
        span = Span.of(request, today)
        # What should be out already is shown too, whatever days are asked for.
        planned = list(Article.objects.planned_before(max(_midnight(span.after_last), now))[: MOST_PLANNED + 1])
        late = [article for article in planned if _time_of(article) <= now]
        shown = [article for article in planned if span.first <= _day_of(article) < span.after_last]
        context = {
            **self.admin_site.each_context(request),
            "title": _("Calendar"),
            "span": span,
            "days": _days(span, shown, today),
            "planned": len(shown),
            "late": late[:MOST_PLANNED],
            "is_cut": len(planned) > MOST_PLANNED,
            "next": None if shown else Article.objects.planned_before(None).filter(publish_at__gt=now).first(),
            "today": today,
            "now": now,
            "zone": zone_name(),
            "deeds": self._deeds() if request.user.has_perm(_CHANGE) else [],
            "addresses": _addresses(span, today),
            "desk_address": reverse("admin:articles_pendingarticle_desk"),
            "list_address": self.address("changelist"),
        }
        return TemplateResponse(request, "articles/calendar.html", context)

    def _deeds(self) -> list[dict[str, Any]]:
        """Name of the route, icon and words of what can be done with a plan."""
        prefix = f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}"
        handlers = (getattr(self, name) for name in ("reschedule", "publish_now", "cancel_plan"))
        return [
            {
                "route": f"{prefix}_{handler.original_function_name}",
                "icon": handler.icon,
                "title": handler.short_description,
                "dialog": {"variant": handler.dialog["variant"]},
            }
            for handler in handlers
        ]


def _addresses(span: Span, today: dt.date) -> dict[str, str]:
    return {
        "before": span.query(span.before()),
        "after": span.query(span.after()),
        "today": span.query(today),
        "month": span.query(is_week=False),
        "week": span.query(is_week=True),
    }


def _days(span: Span, articles: Iterable[Article], today: dt.date) -> list[Day]:
    by_day: dict[dt.date, list[Article]] = {}
    for article in articles:
        by_day.setdefault(_day_of(article), []).append(article)
    return [Day(day, day == today, not span.has(day), by_day.get(day, [])) for day in span.days()]


def _time_of(article: Article) -> dt.datetime:
    assert article.publish_at is not None
    return article.publish_at


def _day_of(article: Article) -> dt.date:
    return timezone.localtime(_time_of(article)).date()


def _midnight(day: dt.date) -> dt.datetime:
    return timezone.make_aware(dt.datetime.combine(day, dt.time.min))


def _next_month(day: dt.date) -> dt.date:
    return (day.replace(day=28) + DAY * 4).replace(day=1)


def _monday_from(day: dt.date) -> dt.date:
    return day + DAY * (-day.weekday() % 7)
