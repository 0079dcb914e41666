"""Plans of publication: the net under lost tasks, cancelling, and the calendar that shows them."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.articles import services, tasks
from apps.articles.errors import WrongState
from apps.articles.models import Article, PendingArticle
from apps.articles.schedules import SCHEDULES
from apps.articles.services import approve, cancel_plan, edit, publish_overdue, reschedule, undo_last
from apps.articles.task_names import PUBLISH_OVERDUE
from apps.core.actor import SYSTEM, Actor
from apps.core.errors import NotFound, PreconditionFailed
from apps.taskhub.testing import queued
from tests.articles.audit_trail import trail
from tests.factories.articles import ArticleFactory, PendingArticleFactory
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db

CALENDAR = "/admin/articles/article/calendar/"
ZONE = ZoneInfo("Asia/Shanghai")


@pytest.fixture
def lin() -> Actor:
    return Actor.of_user(UserFactory(username="lin", role="editor"))


def planned(at: datetime, **given: Any) -> Article:
    return ArticleFactory(
        status=Article.Status.PENDING, published_at=None, first_published_at=None, publish_at=at, **given
    )


def state(article: Article) -> tuple[str, int]:
    article.refresh_from_db()
    return article.status, article.version


# --- the net --------------------------------------------------------------------------------------------------------
def test_what_lost_its_task_is_published_once_by_the_schedule() -> None:
    now = timezone.now()
    late, due, later = (planned(now - timedelta(seconds=seconds)) for seconds in (31, 10, -60))
    clock = Actor.schedule("articles.publish_overdue")

    assert publish_overdue(actor=clock, now=now) == 1
    assert publish_overdue(actor=clock, now=now) == 0

    assert [state(article) for article in (late, due, later)] == [("published", 2), ("pending", 1), ("pending", 1)]
    assert [(event["action"], event["actor_label"]) for event in trail("article")] == [("published", clock.label)]
    assert queued() == []


def test_the_net_hangs_every_minute_and_its_task_may_run_twice() -> None:
    article = planned(timezone.now() - timedelta(minutes=5))

    assert [(one.cron, one.uid) for one in SCHEDULES if one.task == PUBLISH_OVERDUE] == [
        ("* * * * *", "articles.publish_overdue")
    ]
    assert tasks.publish_overdue() == {"published": 1}
    assert tasks.publish_overdue() == {"published": 0}
    assert state(article) == ("published", 2)


@pytest.mark.django_db(transaction=True)
def test_two_runs_and_the_task_itself_at_once_publish_each_article_once() -> None:
    if connection.vendor == "sqlite":
        pytest.skip("an in-memory database has one connection")
    at = timezone.now() - timedelta(minutes=5)
    articles = [planned(at) for _ in range(5)]
    counts: list[int] = []
    start = threading.Barrier(3)

    def net() -> None:
        start.wait()
        try:
            counts.append(publish_overdue(actor=SYSTEM))
        finally:
            connections.close_all()

    def own_task() -> None:
        start.wait()
        try:
            counts.append(int(services.publish_scheduled(articles[2].pk, planned=at, actor=SYSTEM)))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=one) for one in (net, net, own_task)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(counts) == 5
    assert [state(article) for article in articles] == [("published", 2)] * 5
    assert [event["action"] for event in trail("article")] == ["published"] * 5


# --- cancelling -----------------------------------------------------------------------------------------------------
def test_a_cancelled_plan_brings_the_piece_back_to_the_queue_whatever_times_it_had(lin: Actor) -> None:
    piece = PendingArticleFactory()
    article = approve(piece.pk, actor=lin, publish_at=timezone.now() + timedelta(hours=3))
    reschedule(article.pk, actor=lin, publish_at=timezone.now() + timedelta(hours=4))
    article.refresh_from_db()

    cancelled = cancel_plan(article.pk, actor=lin, expected_version=article.version)

    piece.refresh_from_db()
    assert (cancelled.status, cancelled.publish_at, piece.status) == ("pending", None, "pending")
    assert [event["action"] for event in trail("article")] == ["scheduled", "scheduled", "undone", "undone"]
    assert publish_overdue(actor=SYSTEM, now=timezone.now() + timedelta(hours=5)) == 0
    assert approve(piece.pk, actor=lin).pk == article.pk


def test_what_can_not_be_cancelled_is_refused_and_stays(lin: Actor) -> None:
    public = approve(PendingArticleFactory().pk, actor=lin)
    waiting = approve(PendingArticleFactory().pk, actor=lin, publish_at=timezone.now() + timedelta(hours=3))
    before = trail()

    with pytest.raises(WrongState):
        cancel_plan(public.pk, actor=lin)
    with pytest.raises(PreconditionFailed):
        cancel_plan(waiting.pk, actor=lin, expected_version=waiting.version + 1)
    with pytest.raises(NotFound):
        cancel_plan(10**9, actor=lin)

    assert trail() == before
    assert PendingArticle.objects.filter(status="approved").count() == 2


def test_an_edited_and_planned_piece_keeps_its_edit_when_the_plan_goes(lin: Actor) -> None:
    piece = PendingArticleFactory(title="First words")
    edit(piece.pk, actor=lin, edits=services.Edits(title="Second words"))
    article = approve(piece.pk, actor=lin, publish_at=timezone.now() + timedelta(hours=3))

    cancel_plan(article.pk, actor=lin)

    piece.refresh_from_db()
    assert (piece.title, piece.status) == ("Second words", "pending")
    undo_last(actor=lin)
    piece.refresh_from_db()
    assert piece.title == "First words"


# --- the calendar ---------------------------------------------------------------------------------------------------
def signed_in(role: str) -> Client:
    client = Client()
    client.force_login(UserFactory(role=role))
    client.cookies["django_language"] = "en"
    return client


@pytest.fixture
def editor() -> Client:
    return signed_in("editor")


def days(response: Any) -> dict[str, list[str]]:
    """Day → titles with their times."""
    return {
        str(day.date): [f"{timezone.localtime(one.publish_at):%H:%M} {one.title}" for one in day.articles]
        for day in response.context["days"]
        if day.articles
    }


def test_each_plan_stands_on_its_day_in_the_zone_that_the_page_names(editor: Client) -> None:
    planned(datetime(2031, 3, 31, 23, 59, tzinfo=ZONE), title="Late in March")
    planned(datetime(2031, 4, 1, 0, 0, tzinfo=ZONE), title="Early in April")
    ArticleFactory(title="Out already", published_at=datetime(2031, 4, 1, 9, 0, tzinfo=ZONE))

    shown = editor.get(CALENDAR, {"date": "2031-04-10"})

    # The month begins on a Tuesday: its first week shows the last Monday of March.
    assert days(shown) == {"2031-03-31": ["23:59 Late in March"], "2031-04-01": ["00:00 Early in April"]}
    assert "Asia/Shanghai (UTC+0800)" in shown.content.decode()
    assert days(editor.get(CALENDAR, {"date": "2031-04-10", "view": "week"})) == {}


def test_every_plan_has_its_dialogs_for_those_who_may_change(editor: Client) -> None:
    article = planned(datetime(2031, 4, 10, 9, 0, tzinfo=ZONE))
    page = editor.get(CALENDAR, {"date": "2031-04-01"}).content.decode()

    for deed in ("reschedule", "publish_now", "cancel_plan"):
        assert f"/admin/articles/article/{article.pk}/{deed}/" in page
    assert f"/admin/articles/article/{article.pk}/change/" in page

    dialog = editor.get(f"/admin/articles/article/{article.pk}/reschedule/").content.decode()
    assert f'value="{timezone.localtime(article.publish_at):%Y-%m-%dT%H:%M}"' in dialog


def test_a_plan_is_moved_and_cancelled_from_the_calendar(editor: Client, lin: Actor) -> None:
    article = approve(PendingArticleFactory().pk, actor=lin, publish_at=timezone.now() + timedelta(hours=3))
    address = f"/admin/articles/article/{article.pk}"
    came_from = {"HX-Current-URL": f"http://testserver{CALENDAR}?view=week"}
    shown = {"_form_submitted": "1", "version": article.version}

    moved = editor.post(f"{address}/reschedule/", {**shown, "publish_at": "2027-01-02T03:04"}, headers=came_from)
    stale = editor.post(f"{address}/cancel_plan/", shown, headers=came_from)
    article.refresh_from_db()
    assert (article.publish_at, article.is_scheduled) == (datetime(2027, 1, 2, 3, 4, tzinfo=ZONE), True)
    cancelled = editor.post(f"{address}/cancel_plan/", {**shown, "version": article.version}, headers=came_from)

    assert moved.headers["HX-Redirect"].endswith("/calendar/?view=week")
    assert stale.status_code == 200
    assert cancelled.headers["HX-Redirect"].endswith("/calendar/?view=week")
    article.refresh_from_db()
    assert (article.status, article.publish_at) == ("pending", None)


def test_what_should_be_out_already_is_told_whatever_days_are_shown(editor: Client) -> None:
    late = planned(timezone.now() - timedelta(minutes=3), title="Where is it?")

    shown = editor.get(CALENDAR, {"date": "2031-04-10"})

    assert [article.pk for article in shown.context["late"]] == [late.pk]
    assert shown.context["planned"] == 0


def test_an_empty_month_leads_to_the_next_plan(editor: Client) -> None:
    nothing = editor.get(CALENDAR, {"date": "2031-04-10"}).content.decode()
    planned(datetime(2032, 5, 6, 7, 0, tzinfo=ZONE))
    shown = editor.get(CALENDAR, {"date": "2031-04-10"}).content.decode()

    assert "Nothing is planned in this month" in nothing
    assert "date=2032-05-06" not in nothing
    assert "date=2032-05-06" in shown


@pytest.mark.parametrize("date", ["", "soon", "2031-02-30", "0001-01-01", "9999-12-31", "2031-04-10\x00", "\u0661"])
def test_an_address_that_asks_for_no_day_shows_today(editor: Client, date: str) -> None:
    shown = editor.get(CALENDAR, {"date": date, "view": date})

    assert shown.status_code == 200
    assert shown.context["span"].date == timezone.localdate()


def test_steps_lead_through_years_without_a_gap(editor: Client) -> None:
    span = editor.get(CALENDAR, {"date": "2031-12-31"}).context["span"]
    week = editor.get(CALENDAR, {"date": "2031-12-31", "view": "week"}).context["span"]

    assert (str(span.first), str(span.after_last), str(span.before()), str(span.after())) == (
        "2031-12-01", "2032-01-05", "2031-11-01", "2032-01-01",
    )  # fmt: skip
    assert (str(week.first), str(week.after_last), str(week.before()), str(week.after())) == (
        "2031-12-29", "2032-01-05", "2031-12-24", "2032-01-07",
    )  # fmt: skip


def test_the_calendar_costs_the_same_queries_for_two_and_for_twenty(editor: Client) -> None:
    editor.get(CALENDAR)
    counts = []
    for number in (2, 20):
        Article.objects.all().delete()
        for minute in range(number):
            planned(datetime(2031, 4, 10, 9, minute, tzinfo=ZONE))
        with CaptureQueriesContext(connection) as queries:
            assert editor.get(CALENDAR, {"date": "2031-04-01"}).context["planned"] == number
        counts.append(len(queries))

    assert counts == [5, 5]
