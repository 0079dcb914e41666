"""The first page: what needs a person today.

Each number counts exactly the list that it links to.  Figures are computed afresh for this page; the sidebar of all
other pages shows them as they were up to some seconds ago (``kept_figures``), so that it costs no query.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from django.contrib import admin
from django.db import connection
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.articles.models import PendingArticle, Source
from apps.core import keys
from apps.core.cache import CachedRead
from apps.events.models import Event
from apps.fighters.models import UnmatchedName
from apps.scheduler.models import ScheduledTask
from apps.taskhub.enums import TaskStatus
from apps.taskhub.errors import UnknownTask
from apps.taskhub.hub_task import definition_of
from apps.taskhub.models import Task
from project import state

Text = str | Promise

KEPT = CachedRead("back_office.figures", ttl_seconds=15)
# Counting further tells nobody more, and costs.
MOST_COUNTED = 1000
ROWS_PER_PANEL = 6
FAILED_WINDOW = dt.timedelta(days=7)


@dataclass(frozen=True)
class Card:
    """One number.  ``rows`` is what it counts; ``query`` makes the list of ``model`` show the same rows."""

    key: str
    title: Text
    hint: Text
    hint_when_zero: Text
    tone: str
    model: type[Any]
    query: Callable[[dt.datetime], str]
    rows: Callable[[dt.datetime], QuerySet[Any]]

    def address(self, now: dt.datetime) -> str:
        options = self.model._meta
        return f"{reverse(f'admin:{options.app_label}_{options.model_name}_changelist')}?{self.query(now)}"

    def visible_to(self, request: HttpRequest) -> bool:
        model_admin = admin.site._registry.get(self.model)
        return model_admin is not None and model_admin.has_view_permission(request)


def failed_since(now: dt.datetime) -> dt.date:
    """First day of the window of failed tasks, in the zone of the back-office."""
    return (timezone.localtime(now) - FAILED_WINDOW).date()


def _start_of(day: dt.date) -> dt.datetime:
    return timezone.make_aware(dt.datetime.combine(day, dt.time.min))


CARDS = (
    Card(
        key="reviews",
        title=_("Waiting for review"),
        hint=_("Pieces that came in and are not decided on"),
        hint_when_zero=_("Every piece is decided on"),
        tone="info",
        model=PendingArticle,
        query=lambda now: "status__exact=pending",
        rows=lambda now: PendingArticle.objects.awaiting_review(),
    ),
    Card(
        key="dead_tasks",
        title=_("Failed tasks"),
        hint=_("Given up in the last 7 days; retry or look into them"),
        hint_when_zero=_("None given up in the last 7 days"),
        tone="danger",
        model=Task,
        query=lambda now: f"status__exact=dead&updated_at_from={failed_since(now)}",
        rows=lambda now: Task.objects.filter(status=TaskStatus.DEAD, updated_at__gte=_start_of(failed_since(now))),
    ),
    Card(
        key="late_schedules",
        title=_("Late schedules"),
        hint=_("Due for more than a minute and not started"),
        hint_when_zero=_("Everything due has been started"),
        tone="danger",
        model=ScheduledTask,
        query=lambda now: "late=1",
        rows=lambda now: ScheduledTask.objects.late(now),
    ),
    Card(
        key="sources",
        title=_("Sources with errors"),
        hint=_("The last fetch failed"),
        hint_when_zero=_("Every source answered at its last fetch"),
        tone="warning",
        model=Source,
        query=lambda now: "last_fetch_status__exact=failed",
        rows=lambda now: Source.objects.filter(last_fetch_status=Source.FetchStatus.FAILED),
    ),
    Card(
        key="names",
        title=_("Names without a fighter"),
        hint=_("Imports could not tell who they are"),
        hint_when_zero=_("Every name is somebody"),
        tone="info",
        model=UnmatchedName,
        query=lambda now: "status__exact=open",
        rows=lambda now: UnmatchedName.objects.waiting(),
    ),
)


def tone_of(key: str) -> str:
    return next(card.tone for card in CARDS if card.key == key)


def fresh_figures(now: dt.datetime) -> dict[str, int]:
    """All figures in one statement: every list pays for them now and then."""
    parts: list[str] = []
    values: list[Any] = []
    for card in CARDS:
        sql, own = card.rows(now).order_by().values("pk")[:MOST_COUNTED].query.sql_with_params()
        parts.append(f"(SELECT COUNT(*) FROM ({sql}) AS {card.key})")  # noqa: S608  # the ORM's SQL, names of ours
        values += own
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(parts)}", values)
        return dict(zip((card.key for card in CARDS), cursor.fetchone(), strict=True))


def kept_figures(request: HttpRequest) -> dict[str, int]:
    """Figures for the sidebar.  The first page counts anew, so that sidebar and page agree."""
    if request.path == reverse("admin:index"):
        request.figures = fresh_figures(timezone.now())  # type: ignore[attr-defined]
        return request.figures  # type: ignore[attr-defined,no-any-return]
    kept = KEPT.get(keys.back_office_figures(), lambda: fresh_figures(timezone.now()))
    return dict(orjson.loads(kept.body))


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Unfold's DASHBOARD_CALLBACK: adds to the context of the first page."""
    now = timezone.now()
    figures: dict[str, int] = getattr(request, "figures", None) or fresh_figures(now)
    cards = [
        {
            "title": card.title,
            "hint": card.hint if figures[card.key] else card.hint_when_zero,
            "number": figures[card.key],
            "more": figures[card.key] >= MOST_COUNTED,
            "tone": card.tone if figures[card.key] else "",
            "address": card.address(now),
        }
        for card in CARDS
        if card.visible_to(request)
    ]
    context.update(
        {
            "title": _("Today"),
            "now": now,
            "cards": cards,
            "health": state.health(),
            "panels": [panel for panel in _panels(request, now) if panel],
        }
    )
    return context


def _panels(request: HttpRequest, now: dt.datetime) -> list[dict[str, Any] | None]:
    return [
        _panel(
            request,
            PendingArticle,
            _("Longest waiting for review"),
            _("Nothing waits. New pieces appear here as the sources deliver them."),
            PendingArticle.objects.awaiting_review()
            .select_related("source")
            .only("title", "created_at", "source__name"),
            lambda row: (row.title, row.source.name if row.source else "", row.created_at),
        ),
        _panel(
            request,
            Event,
            _("Live and next events"),
            _("No event is live or planned."),
            Event.objects.live_and_next(now).only("org", "name", "status", "starts_at"),
            lambda row: (row.name, row.get_status_display() if row.status == Event.Status.LIVE else "", row.starts_at),
            page="board",
        ),
        _panel(
            request,
            Task,
            _("Failed last"),
            _("No task was given up."),
            Task.objects.filter(status=TaskStatus.DEAD)
            .order_by("-updated_at")
            .only("name", "task_id", "dead_reason", "updated_at"),
            lambda row: (_task_label(row.name), row.get_dead_reason_display(), row.updated_at),
        ),
        _panel(
            request,
            ScheduledTask,
            _("Coming up"),
            _("No schedule is switched on."),
            ScheduledTask.objects.filter(next_run__isnull=False)
            .select_related("definition")
            .only("definition__name", "next_run")
            .order_by("next_run"),
            lambda row: (row.label, "", row.next_run),
        ),
    ]


def _panel(
    request: HttpRequest,
    model: type[Any],
    title: Text,
    empty: Text,
    rows: QuerySet[Any],
    cells: Callable[[Any], tuple[str, str, dt.datetime]],
    *,
    page: str = "change",
) -> dict[str, Any] | None:
    model_admin = admin.site._registry.get(model)
    if model_admin is None or not model_admin.has_view_permission(request):
        return None
    options = model._meta
    name = f"admin:{options.app_label}_{options.model_name}"
    items = []
    for row in rows[:ROWS_PER_PANEL]:
        main, side, moment = cells(row)
        items.append(
            {"main": main, "side": side, "moment": moment, "address": reverse(f"{name}_{page}", args=[row.pk])}
        )
    return {"title": title, "empty": empty, "items": items, "address": reverse(f"{name}_changelist")}


def _task_label(name: str) -> str:
    """In the reader's language; a task that the code no longer has keeps its wire name."""
    try:
        return str(definition_of(name).label)
    except UnknownTask:
        return name
