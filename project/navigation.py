"""The sidebar, in the order of the working day.

An entry is shown to those who may see its list.  Numbers beside entries are the dashboard's own figures
(``project.dashboard``): kept for some seconds, so that a page costs no query for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from apps.audit.errors import UnknownResource
from apps.audit.registry import resources
from project import dashboard, system


@dataclass(frozen=True)
class Entry:
    """A list in the sidebar; ``figure`` names the card of the dashboard whose number stands beside it.

    ``page`` is another page of the same model's admin than its list.
    """

    model: str
    icon: str
    figure: str = ""
    title: str | Promise = ""
    page: str = "changelist"


@dataclass(frozen=True)
class Group:
    title: str | Promise
    entries: tuple[Entry, ...]


GROUPS = (
    Group(
        _("Content"),
        (
            Entry("articles.PendingArticle", "keyboard", title=_("Review desk"), page="desk"),
            Entry("articles.PendingArticle", "rate_review", figure="reviews"),
            Entry("articles.Article", "article"),
            Entry("articles.Article", "calendar_month", title=_("Calendar"), page="calendar"),
            Entry("articles.Takedown", "gavel"),
            Entry("articles.Source", "rss_feed", figure="sources"),
            Entry("articles.IngestRun", "download"),
            Entry("articles.IngestRun", "mark_email_unread", title=_("Items given up"), page="dead"),
        ),
    ),
    Group(
        _("Events & fighters"),
        (
            Entry("events.Event", "event"),
            Entry("events.Bout", "sports_mma"),
            Entry("fighters.Fighter", "person_celebrate"),
            Entry("fighters.FighterUpdate", "update"),
            Entry("fighters.UnmatchedName", "badge", figure="names", title=_("Identity desk"), page="desk"),
            Entry("fighters.FighterMerge", "merge"),
            Entry("fighters.RefusedChange", "lock"),
            Entry("fighters.Ranking", "leaderboard"),
            Entry("fighters.ImportRun", "upload_file"),
        ),
    ),
    Group(
        _("Orders & users"),
        (
            Entry("orders.Order", "receipt_long"),
            Entry("orders.SimCard", "sim_card"),
            Entry("orders.SyncRun", "sync"),
            Entry("users.User", "group"),
            Entry("users.Email", "mail"),
        ),
    ),
    Group(
        _("Tasks & schedules"),
        (
            Entry("taskhub.Task", "task", figure="dead_tasks"),
            Entry("taskhub.Worker", "dns"),
            Entry("scheduler.ScheduledTask", "schedule", figure="late_schedules"),
            Entry("scheduler.TaskExecution", "history"),
        ),
    ),
    Group(
        _("Audit"),
        (Entry("audit.AuditEvent", "policy"),),
    ),
)


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Unfold's description of the sidebar, with only what this person may see."""
    figures = dashboard.kept_figures(request)
    today = [
        {"title": _("Today"), "icon": "today", "link": reverse("admin:index")},
    ]
    groups: list[dict[str, Any]] = [{"title": None, "items": today}]
    for group in GROUPS:
        items = [_item(entry, figures) for entry in group.entries if _may_see(entry, request)]
        if items:
            groups.append({"title": group.title, "items": items})
    if request.user.has_perm(system.PERMISSION):
        operation = [{"title": _("System"), "icon": "monitor_heart", "link": reverse("system")}]
        groups.append({"title": _("Operation"), "items": operation})
    return groups


def _may_see(entry: Entry, request: HttpRequest) -> bool:
    """Lists whose app has no admin room yet are left out too."""
    try:
        model = apps.get_model(entry.model)
    except LookupError:
        return False
    model_admin = admin.site._registry.get(model)
    return model_admin is not None and model_admin.has_view_permission(request)


def _item(entry: Entry, figures: dict[str, int]) -> dict[str, Any]:
    options = apps.get_model(entry.model)._meta
    item: dict[str, Any] = {
        "title": entry.title or options.verbose_name_plural,
        "icon": entry.icon,
        "link": reverse(f"admin:{options.app_label}_{options.model_name}_{entry.page}"),
    }
    others = [one.page for one in _pages_of(entry.model) if one.page != "changelist"]
    if entry.page == "changelist" and others:
        # Another page of the same admin has an entry of its own.
        link = str(item["link"])
        item["active"] = lambda request: (
            request.path.startswith(link) and not any(request.path.startswith(f"{link}{page}/") for page in others)
        )
    number = figures.get(entry.figure, 0)
    if number:
        item["badge"] = str(number) if number < 1000 else "999+"
        item["badge_variant"] = dashboard.tone_of(entry.figure)
    return item


def _pages_of(model: str) -> list[Entry]:
    return [entry for group in GROUPS for entry in group.entries if entry.model == model]


def history_of(request: HttpRequest, obj: Any) -> str:
    """Where the audit log tells what happened to an object; empty for who may not read it and for what is not in it."""
    if not request.user.has_perm("audit.view_auditevent"):
        return ""
    try:
        resource = resources.of_instance(obj)
    except UnknownResource:
        return ""
    query = urlencode({"resource_type__exact": resource.type, "resource_id__exact": obj.pk})
    return f"{reverse('admin:audit_auditevent_changelist')}?{query}"
