"""The first page and the system page: numbers that lead to what they count, truth about the live objects."""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
import redis
from django.conf import settings
from django.db import connection
from django.db.utils import load_backend
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from apps.articles.models import PendingArticle, Source
from apps.core import heartbeat
from apps.core import redis as core_redis
from apps.core.api.probes import Outcome
from apps.scheduler.models import ScheduledTask
from apps.taskhub.models import Task
from project import dashboard, state, system
from project.celery import app as celery
from tests.factories.articles import PendingArticleFactory, SourceFactory
from tests.factories.events import EventFactory
from tests.factories.fighters import UnmatchedNameFactory
from tests.factories.scheduler import ScheduledTaskFactory
from tests.factories.taskhub import TaskFactory
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(UserFactory(superuser=True))
    client.cookies["django_language"] = "en"
    return client


def reviews() -> None:
    PendingArticleFactory.create_batch(3)
    PendingArticleFactory(status=PendingArticle.Status.APPROVED)


def dead_tasks() -> None:
    now = timezone.now()
    for age_days in (0, 6, 9):
        task = TaskFactory(status="dead", dead_reason="retries_used_up")
        Task.objects.filter(pk=task.pk).update(updated_at=now - dt.timedelta(days=age_days))
    TaskFactory(status="success")


def late_schedules() -> None:
    now = timezone.now()
    # What ``migrate`` declared becomes late by itself while the tests run.
    ScheduledTask.objects.update(next_run=now + dt.timedelta(hours=1))
    ScheduledTaskFactory(next_run=now - dt.timedelta(minutes=5))
    ScheduledTaskFactory(next_run=now - dt.timedelta(seconds=5))


def sources() -> None:
    SourceFactory.create_batch(2, last_fetch_status=Source.FetchStatus.FAILED)
    SourceFactory(last_fetch_status=Source.FetchStatus.STORED)


def names() -> None:
    UnmatchedNameFactory.create_batch(2)
    UnmatchedNameFactory(status="dismissed")


ROWS: dict[str, tuple[Callable[[], None], int]] = {
    "reviews": (reviews, 3),
    "dead_tasks": (dead_tasks, 2),
    "late_schedules": (late_schedules, 1),
    "sources": (sources, 2),
    "names": (names, 2),
}


def test_every_card_is_tested() -> None:
    assert set(ROWS) == {card.key for card in dashboard.CARDS}


@pytest.mark.parametrize("card", dashboard.CARDS, ids=[card.key for card in dashboard.CARDS])
def test_number_leads_to_the_list_that_it_counts(boss: Client, card: dashboard.Card) -> None:
    make, expected = ROWS[card.key]
    make()

    shown = next(item for item in boss.get("/admin/").context["cards"] if item["title"] == card.title)
    listed = boss.get(shown["address"])

    assert listed.status_code == 200
    assert (shown["number"], len(listed.context["cl"].result_list)) == (expected, expected)


def test_what_is_live_or_next_leads_to_its_board(boss: Client) -> None:
    now = timezone.now()
    EventFactory(name="Long over", starts_at=now - dt.timedelta(days=9))
    EventFactory(name="Next month", starts_at=now + dt.timedelta(days=30))
    live = EventFactory(name="Tonight", status="live", starts_at=now - dt.timedelta(hours=2))
    EventFactory(name="Done", status="completed", starts_at=now - dt.timedelta(hours=3))

    panel = next(item for item in boss.get("/admin/").context["panels"] if item["title"] == "Live and next events")

    assert [item["main"] for item in panel["items"]] == ["Tonight", "Next month"]
    assert panel["items"][0]["address"] == f"/admin/events/event/{live.pk}/board/"
    assert boss.get(panel["items"][0]["address"]).status_code == 200


def test_sidebar_of_the_first_page_agrees_with_its_cards(boss: Client) -> None:
    reviews()
    boss.get("/admin/users/user/")  # keeps the figures for some seconds
    PendingArticleFactory()

    html = boss.get("/admin/").content.decode()

    assert '<span class="bjz-badge bjz-badge-info">4</span>' in html


def test_other_pages_pay_nothing_for_the_figures(
    boss: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    boss.get("/admin/system/")
    with django_assert_num_queries(2):
        boss.get("/admin/system/")


def test_first_page_is_cheap(boss: Client, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    for make, _ in ROWS.values():
        make()
        make()

    with django_assert_max_num_queries(15):
        boss.get("/admin/")


def test_people_see_what_is_theirs(client: Client) -> None:
    client.force_login(UserFactory(role="editor"))

    response = client.get("/admin/")

    titles = [str(item["title"]) for item in response.context["cards"]]
    links = [item["link"] for group in response.context["sidebar_navigation"] for item in group["items"]]
    assert "/admin/articles/pendingarticle/" in links
    assert "/admin/users/user/" not in links
    assert "/admin/system/" not in links
    assert len(titles) == 5


def test_staff_without_a_role_are_told_why_nothing_is_there(client: Client) -> None:
    client.force_login(UserFactory(is_staff=True))
    client.cookies["django_language"] = "en"

    response = client.get("/admin/")

    assert response.context["cards"] == []
    assert "Nothing is assigned to you yet" in response.content.decode()


def test_health_names_what_stands_still(boss: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("worker", "consumer"):
        heartbeat.beat_once(kind)
    monkeypatch.setattr(state.checks, "warnings", lambda until: [{"name": "beat", "message": "Beat is not alive."}])

    health = boss.get("/admin/").context["health"]

    assert (health.tone, str(health.sentence)) == ("danger", "Beat is not alive.")


def test_first_page_and_lists_survive_without_redis(boss: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core_redis, "client", lambda: redis.Redis(host="127.0.0.1", port=1, socket_connect_timeout=0.1))
    down = {"postgres": Outcome(), "redis": Outcome(error="refused")}
    monkeypatch.setattr(state.checks, "components", lambda until: down)
    reviews()

    first, listed, system = boss.get("/admin/"), boss.get("/admin/articles/pendingarticle/"), boss.get("/admin/system/")

    assert [page.status_code for page in (first, listed, system)] == [200, 200, 200]
    assert str(first.context["health"].sentence).startswith("Redis does not answer")
    assert "nobody knows which processes live" in system.content.decode()


# --- system -------------------------------------------------------------------------------------------------------
def facts(response: Any) -> dict[str, dict[str, str]]:
    return {str(title): {str(name): str(value) for name, value in rows} for title, rows in response.context["facts"]}


def test_system_page_tells_what_the_live_objects_say(boss: Client) -> None:
    shown = facts(boss.get("/admin/system/"))

    assert (
        shown["Redis connections of this process"]
        | {
            "Most open": str(core_redis.client().connection_pool.max_connections),
            "Waits for an answer": "0.5 s",
        }
        == shown["Redis connections of this process"]
    )
    assert shown["Task queue"]["Tasks at a time per worker"] == str(celery.conf.worker_concurrency)
    assert shown["Task queue"]["Time limit of a task"] == f"{celery.conf.task_soft_time_limit} s"
    assert shown["Task queue"]["Retries of a task"] == str(settings.TASK_MAX_RETRIES)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="only psycopg has a pool")
def test_system_page_asks_psycopgs_pool() -> None:
    config = copy.deepcopy(connection.settings_dict)
    config["OPTIONS"]["pool"] = {"min_size": 2, "max_size": 7, "max_lifetime": 123}
    config["CONN_MAX_AGE"] = 0
    pooled = load_backend(config["ENGINE"]).DatabaseWrapper(config, "pooled")
    try:
        shown = {str(name): value for name, value in system.database_facts(pooled)}
    finally:
        pooled.close()
        pooled.close_pool()

    assert (shown["Most open"], shown["Kept ready"], shown["Replaced after"]) == (7, 2, "123 s")
    assert shown["Open now"] >= 1


def test_system_page_lists_living_processes(boss: Client) -> None:
    heartbeat.beat_once("worker")
    host, pid, _ = heartbeat.identity()

    assert f"{host} · {pid}" in boss.get("/admin/system/").content.decode()


def test_system_page_needs_the_permission(client: Client) -> None:
    client.force_login(UserFactory(role="editor"))

    assert client.get("/admin/system/").status_code == 403


def test_system_page_needs_a_sign_in(client: Client) -> None:
    assert client.get("/admin/system/").headers["Location"] == "/admin/login/?next=/admin/system/"


# --- errors and languages -----------------------------------------------------------------------------------------
def test_refusals_are_told_in_both_languages(client: Client) -> None:
    client.force_login(UserFactory(role="editor"))

    refused, unknown = client.get("/admin/system/"), client.get("/admin/nowhere/")

    assert (refused.status_code, unknown.status_code) == (403, 404)
    assert "没有权限" in refused.content.decode()
    assert "Not allowed" in refused.content.decode()
    assert "页面不存在" in unknown.content.decode()
    assert "Page not found" in unknown.content.decode()


@pytest.mark.parametrize(("language", "word"), [("zh-hans", "登录"), ("en", "Log in")])
def test_language_can_be_chosen_before_signing_in(client: Client, language: str, word: str) -> None:
    switched = client.post("/i18n/setlang/", {"language": language, "next": "/admin/login/"})

    assert switched.headers["Location"] == "/admin/login/"
    assert word in client.get("/admin/login/").content.decode()
