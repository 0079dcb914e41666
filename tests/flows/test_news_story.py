"""The story of the product: a piece of news from a feed to the public list, through real processes.

Feeds lie on a local server; beat polls them, editors decide through the API and in Chromium, every process is
restarted, worker and consumer are killed in the middle.  Nothing is lost, nothing comes twice, and each step stands in
the audit log, the task ledger and the scheduler's history.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.db import connections, transaction
from django.db.models import F, Sum
from playwright.sync_api import Page, expect, sync_playwright

from apps.articles.clients.parsers import parse
from apps.articles.enums import IdentityPolicy
from apps.articles.errors import FeedUnreadable
from apps.articles.models import Article, IngestRun, PendingArticle, PendingRevision, Source
from apps.articles.services import ITEMS, create_source
from apps.articles.services.identity import identity_hash, policy_seen_in
from apps.articles.streams import GROUP
from apps.audit.models import AuditEvent
from apps.core import redis as core_redis
from apps.core.actor import Actor
from apps.scheduler.models import TaskExecution
from apps.taskhub.models import Task, TaskAttempt
from apps.users.models import User
from tests.core.http_server import LocalServer, serving
from tests.factories.users import PASSWORD, UserFactory
from tests.faults.processes import wait_until
from tests.flows.feed_shelf import Shelf, Waiting, document, feed_of, fill
from tests.flows.processes import Product

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900), pytest.mark.django_db(transaction=True)]

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = ["--no-sandbox", "--headless=new", "--disable-gpu", "--disable-background-networking"]
QUEUE = "/admin/articles/pendingarticle/"
SCHEDULE = "articles.poll_due_sources"
# A tick a minute, and two busy cores.
ONE_POLL_SECONDS = 180
# The hub gives a lost attempt back within a minute.
RECOVERY_SECONDS = 180
IN_ONE_SECOND = 1.0
SETTLED = {"succeeded", "failed"}


@dataclass
class Story:
    """What the chapters share."""

    product: Product
    server: LocalServer
    shelf: Shelf
    editor: User
    # Of the approval through the API.
    request_id: str = ""

    def url(self, name: str) -> str:
        return f"{self.server.origin}/{name}"

    def add_source(self, name: str, **fields: Any) -> Source:
        fields = {"parser_kind": "feed", "interval_seconds": 60} | fields
        actor = Actor.of_user(self.editor)
        return create_source(actor=actor, name=name, source_url=self.url(name), **fields)

    def api(self, user: User) -> httpx.Client:
        """Signed in with a token, as an API consumer is."""
        client = httpx.Client(base_url=f"{self.product.address.url}/api/v1", timeout=30)
        signed_in = client.post("/auth/token", json={"username": user.username, "password": PASSWORD})
        client.headers["Authorization"] = f"Bearer {data(signed_in)['access_token']}"
        return client


def data(response: httpx.Response) -> Any:
    assert response.status_code < 300, response.text
    return response.json()["data"]


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    with serving() as server:
        allowed = next(iter(server.allowed))
        with Product(tmp_path, HTTP_ALLOWED_PRIVATE=allowed) as product:
            shelf = Shelf.of_this_machine()
            fill(server, shelf)
            yield Story(product, server, shelf, UserFactory(username="lin", role="editor"))


@pytest.fixture
def page(story: Story) -> Iterator[Page]:
    if not CHROMIUM.exists():
        pytest.fail("Chromium is missing: install the system's package 'chromium'")
    # Playwright keeps an event loop in this thread; the database is used from it all the same, one call at a time.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        context = browser.new_context(base_url=story.product.address.url, locale="en-US")
        context.add_cookies([{"name": "django_language", "value": "en", "url": story.product.address.url}])
        page = context.new_page()
        page.set_default_timeout(30_000)
        yield page
        # With Playwright's loop running, this thread has a connection of its own.
        connections.close_all()
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


def test_a_piece_of_news_from_the_feed_to_the_public_list(
    story: Story, page: Page, tell: Callable[[str], None]
) -> None:
    began = time.monotonic()
    story.product.start()
    sign_in(page, "lin")
    sources = the_editor_adds_sources(story, page)
    polls = a_publisher_edits_headlines(story)
    beat_polls_every_source_twice(sources)
    expected = expected_pieces(sources, story) | polls
    everything_waits_exactly_once(expected)
    approved = some_are_approved_and_some_rejected(story, page)
    the_public_list_shows(story, approved)
    run_now_gives_an_execution_linked_to_its_task(story, page)
    each_step_is_in_the_audit_log(story, approved)
    expected |= a_killed_worker_loses_nothing(story)
    expected |= a_killed_consumer_loses_nothing(story)
    everything_waits_exactly_once(expected)
    a_restart_of_every_process_loses_nothing(story, expected, approved)
    tell(
        f"news story on {story.shelf.words}; {len(expected)} pieces, {len(approved)} published, "
        f"{time.monotonic() - began:.0f} s"
    )


# --- chapter 1: sources -----------------------------------------------------------------------------------------------
def sign_in(page: Page, name: str) -> None:
    page.goto("/admin/login/")
    page.fill("input[name=username]", name)
    page.fill("input[name=password]", PASSWORD)
    page.click("#login-form button[type=submit]")
    page.wait_for_url(re.compile(r"/admin/$"))


def the_editor_adds_sources(story: Story, page: Page) -> list[Source]:
    """The first by hand in the back-office, the others as a command would."""
    first, *others = sorted(story.shelf.files)
    page.goto("/admin/articles/source/add/")
    page.fill("input[name=name]", first)
    page.fill("input[name=source_url]", story.url(first))
    page.select_option("select[name=parser_kind]", "feed")
    page.fill("input[name=interval_seconds]", "60")
    page.click("button[name=_save]")
    page.wait_for_url(re.compile(r"/admin/articles/source/$"))
    by_hand = Source.objects.get(source_url=story.url(first))
    return [by_hand, *(story.add_source(name) for name in others)]


def a_publisher_edits_headlines(story: Story) -> set[str]:
    """Successive polls of one publisher who counts in his ids, each asked for through the API."""
    source = story.add_source("polls.json", enabled=False)
    api = story.api(story.editor)
    for poll in story.shelf.polls:
        story.server.answers["/polls.json"] = document(poll.read_bytes())
        fetch(api, source)
    bodies = [poll.read_bytes() for poll in story.shelf.polls]
    pieces = set().union(*(identities(source, body) for body in bodies))

    assert PendingArticle.objects.filter(source=source).count() == len(pieces)
    revisions = PendingRevision.objects.filter(pending__source=source)
    if story.shelf.has_shared:
        assert (len(bodies), len(pieces), revisions.count()) == (10, 67, 2)
    else:
        assert (len(bodies), len(pieces), revisions.count()) == (3, 4, 1)
    fetch(api, source)
    assert IngestRun.objects.of_source(source.pk).latest("id").http_status == 304
    return pieces


def fetch(api: httpx.Client, source: Source) -> IngestRun:
    """Fetch now, and wait until the run has stored its last item."""
    task_id = data(api.post("/ingest/fetch", json={"source_id": source.pk}))["task_id"]
    wait_until(
        lambda: IngestRun.objects.filter(task_id=task_id, status__in=SETTLED).exists(),
        seconds=RECOVERY_SECONDS,
        what=f"the fetch of {source.name}",
    )
    return IngestRun.objects.filter(task_id=task_id).latest("id")


# --- chapter 2: beat polls --------------------------------------------------------------------------------------------
def beat_polls_every_source_twice(sources: list[Source]) -> None:
    readable = [source.pk for source in sources if is_readable(source)]
    for number in (1, 2):
        wait_until(
            lambda number=number: all(runs_of(pk) >= number for pk in readable),  # type: ignore[misc]
            seconds=ONE_POLL_SECONDS,
            what=f"poll {number} of every source",
            every_seconds=0.5,
        )
    unreadable = Source.objects.filter(pk__in=[source.pk for source in sources]).exclude(pk__in=readable)
    assert {source.name for source in unreadable} == {"page.html"}
    assert [source.last_fetch_status for source in unreadable] == ["failed"]
    second = IngestRun.objects.filter(source_id__in=readable, status="succeeded", http_status=304)
    assert second.values("source_id").distinct().count() == len(readable)


def runs_of(source_id: int) -> int:
    return IngestRun.objects.of_source(source_id).filter(status=IngestRun.Status.SUCCEEDED).count()


def is_readable(source: Source) -> bool:
    return not source.name.endswith(".html")


def expected_pieces(sources: list[Source], story: Story) -> set[str]:
    found: set[str] = set()
    for source in sources:
        if is_readable(source):
            found |= identities(source, story.shelf.files[source.name].read_bytes())
        else:
            with pytest.raises(FeedUnreadable):
                parse("feed", story.shelf.files[source.name].read_bytes(), url=source.source_url)
    return found


def identities(source: Source, body: bytes) -> set[str]:
    items = parse("feed", body, url=source.source_url).items
    policy = policy_seen_in((item.url, item.title, item.guid) for item in items) or IdentityPolicy.URL
    return {
        identity_hash(
            source_id=source.pk,
            policy=policy,
            url=item.url,
            guid=item.guid,
            title=item.title,
            published_at=item.published_at,
            text=item.summary or item.content,
        )
        for item in items
    }


def everything_waits_exactly_once(expected: set[str]) -> None:
    stored = list(PendingArticle.objects.values_list("identity_hash", flat=True))
    assert len(stored) == len(set(stored)) == len(expected)
    assert set(stored) == expected
    runs = IngestRun.objects.filter(status=IngestRun.Status.SUCCEEDED)
    assert runs.exclude(received_count=F("fetched_count")).count() == 0
    assert IngestRun.objects.aggregate(new=Sum("stored_count"))["new"] == len(expected)
    created = AuditEvent.objects.filter(resource_type="pendingArticle", action="created")
    wait_until(lambda: created.count() == len(expected), seconds=30, what="an audit event for every piece")


# --- chapter 3: review ------------------------------------------------------------------------------------------------
def some_are_approved_and_some_rejected(story: Story, page: Page) -> list[int]:
    """Two decisions through the API, four in Chromium.  Returns the pieces that were approved."""
    by_api, against_by_api = PendingArticle.objects.awaiting_review()[:2]
    api = story.api(story.editor)
    pending = data(api.get("/review/pending"))["items"]
    assert [item["id"] for item in pending[:2]] == [by_api.pk, against_by_api.pk]
    headers = {"If-Match": f'"{pending[0]["version"]}"'}
    answer = api.post(f"/review/{by_api.pk}/approve?reviewer_id=999", headers=headers)
    assert data(answer)["reviewer_id"] == story.editor.pk
    story.request_id = answer.headers["X-Request-ID"]
    data(api.post(f"/review/{against_by_api.pk}/reject", json={"reason": "Not our field."}))
    assert api.post(f"/review/{by_api.pk}/approve").json()["code"] == 1007
    by_hand = approve_in_browser(page)
    against = reject_in_browser(page, "An old story.")
    together = approve_together_in_browser(page, 2)

    rejected = PendingArticle.objects.filter(status="rejected").order_by("id")
    assert sorted(rejected.values_list("pk", "reject_reason")) == sorted(
        [(against_by_api.pk, "Not our field."), (against, "An old story.")]
    )
    assert set(PendingArticle.objects.exclude(status="pending").values_list("reviewer_id", flat=True)) == {
        story.editor.pk
    }
    return [by_api.pk, by_hand, *together]


def approve_in_browser(page: Page) -> int:
    page.goto(QUEUE)
    piece = first_piece(page)
    page.locator(f'button[hx-get$="{QUEUE}{piece}/approve/"]').click()
    page.locator("#dialog footer button[type=submit]").click()
    expect(page.get_by_text("The piece has been published.")).to_be_visible()
    return piece


def reject_in_browser(page: Page, reason: str) -> int:
    page.goto(QUEUE)
    piece = first_piece(page)
    page.locator(f'button[hx-get$="{QUEUE}{piece}/reject/"]').click()
    page.locator("#dialog textarea[name=reason]").fill(reason)
    page.locator("#dialog footer button[type=submit]").click()
    expect(page.get_by_text("The piece has been rejected.")).to_be_visible()
    return piece


def approve_together_in_browser(page: Page, count: int) -> list[int]:
    page.goto(QUEUE)
    boxes = page.locator("#result_list input[name=_selected_action]")
    chosen = [int(boxes.nth(number).get_attribute("value") or 0) for number in range(count)]
    for number in range(count):
        boxes.nth(number).check()
    page.select_option("select[name=action]", "approve_selected")
    page.locator("button[name=index]").click()
    page.get_by_role("button", name="Approve the chosen pieces").click()
    expect(page.get_by_text(f"{count} pieces have been published.")).to_be_visible()
    return chosen


def first_piece(page: Page) -> int:
    return int(page.locator("#result_list input[name=_selected_action]").first.get_attribute("value") or 0)


def the_public_list_shows(story: Story, approved: list[int]) -> None:
    """Newest first, within a second of the last approval, with an ETag that a reader may come back with."""
    articles = list(Article.objects.filter(pending_id__in=approved).order_by("-published_at", "-id"))
    assert len(articles) == len(approved)
    public = httpx.Client(base_url=story.product.address.url)
    shown = lambda: [item["id"] for item in data(public.get("/api/articles"))["items"]]  # noqa: E731
    wait_until(
        lambda: shown() == [article.pk for article in articles], seconds=IN_ONE_SECOND, what="the approved pieces"
    )
    first = public.get("/api/v1/articles")
    again = public.get("/api/v1/articles", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    for article in articles:
        piece = article.pending
        assert piece is not None
        assert (article.title, article.source_id, article.source_url) == (
            piece.title,
            piece.source_id,
            piece.source_url,
        )


# --- chapter 4: the ledgers -------------------------------------------------------------------------------------------
def run_now_gives_an_execution_linked_to_its_task(story: Story, page: Page) -> None:
    UserFactory(username="ops", role="operator")
    page.context.clear_cookies(name="sessionid")
    sign_in(page, "ops")
    page.goto("/admin/scheduler/scheduledtask/")
    button = page.locator(f'tr:has-text("{SCHEDULE}") button[hx-get$="/run_now/"]')
    button.first.click()
    page.locator("#dialog footer button[type=submit]").click()
    page.wait_for_load_state()
    manual = TaskExecution.objects.filter(schedule__uid=SCHEDULE, kind="manual")
    wait_until(lambda: manual.filter(state="success").exists(), seconds=60, what="the run that was asked for")

    execution = manual.get()
    task = Task.objects.get(task_id=execution.hub_task_id)
    assert (task.name, task.status, execution.trigger_label) == (SCHEDULE, "success", "ops")
    assert TaskAttempt.objects.filter(task_id=task.task_id).count() == 1
    on_time = TaskExecution.objects.filter(schedule__uid=SCHEDULE, state="success").exclude(kind="manual")
    assert on_time.count() >= 2
    for each in on_time:
        assert Task.objects.get(task_id=each.hub_task_id).status == "success"


def each_step_is_in_the_audit_log(story: Story, approved: list[int]) -> None:
    auditor = story.api(UserFactory(username="audra", role="auditor"))
    event = only_event(auditor, resource_type="pendingArticle", resource_id=approved[0], action="approved")
    assert event["user"] == {"uid": str(story.editor.pk), "username": "lin", "type": "user"}
    assert (event["client_ip"], event["request_id"]) == ("127.0.0.1", story.request_id)
    assert event["diff_object"]["old_object"]["status"] == "pending"
    assert event["diff_object"]["new_object"]["status"] == "approved"
    for piece in approved[1:]:
        event = only_event(auditor, resource_type="pendingArticle", resource_id=piece, action="approved")
        assert (event["user"]["username"], event["client_ip"]) == ("lin", "127.0.0.1")
        assert event["request_id"]
        assert event["diff_object"]["old_object"]["version"] + 1 == event["diff_object"]["new_object"]["version"]
    for article in Article.objects.filter(pending_id__in=approved):
        event = only_event(auditor, resource_type="article", resource_id=article.pk, action="published")
        assert event["diff_object"]["new_object"]["title"] == article.title
    for piece in PendingArticle.objects.filter(status="rejected"):
        event = only_event(auditor, resource_type="pendingArticle", resource_id=piece.pk, action="rejected")
        assert event["diff_object"]["new_object"]["reject_reason"] == piece.reject_reason
    assert AuditEvent.objects.filter(resource_type="source", action="created").count() == Source.objects.count()
    assert AuditEvent.objects.filter(action="triggered", actor_label="ops").count() == 1


def only_event(auditor: httpx.Client, **query: Any) -> Any:
    """The one event that answers the query, with its difference."""
    found = lambda: data(auditor.get("/audit/events", params=query))["items"]  # noqa: E731
    wait_until(lambda: len(found()) > 0, seconds=30, what=f"the event {query}")
    (event,) = found()
    return data(auditor.get(f"/audit/events/{event['id']}"))


# --- chapter 5: kills and restarts ------------------------------------------------------------------------------------
def a_killed_worker_loses_nothing(story: Story) -> set[str]:
    """kill -9 while a source keeps the worker waiting: the hub gives the attempt back."""
    body = feed_of("patience", 30)
    waiting = Waiting(body)
    story.server.answers["/patience.rss"] = waiting
    source = story.add_source("patience.rss", enabled=False)
    task_id = data(story.api(story.editor).post("/ingest/fetch", json={"source_id": source.pk}))["task_id"]
    assert waiting.asked.wait(60)

    story.product.kill("worker")
    waiting.release.set()
    story.product.start()

    wait_until(
        lambda: IngestRun.objects.filter(task_id=task_id, status="succeeded").exists(),
        seconds=RECOVERY_SECONDS,
        what="the fetch whose worker was killed",
    )
    assert list(IngestRun.objects.filter(task_id=task_id).order_by("id").values_list("status", flat=True)) == [
        "failed",
        "succeeded",
    ]
    assert PendingArticle.objects.filter(source=source).count() == 30
    wait_until(lambda: Task.objects.get(task_id=task_id).status == "success", seconds=30, what="the task's success")
    return identities(source, body)


def a_killed_consumer_loses_nothing(story: Story) -> set[str]:
    """kill -9 in the middle of a batch: delivered, not acknowledged, taken over by the next consumer."""
    body = feed_of("crowd", 250)
    story.server.answers["/crowd.rss"] = document(body)
    source = story.add_source("crowd.rss", enabled=False)
    redis = core_redis.client()
    pending = lambda: redis.xpending(ITEMS.name, GROUP)["pending"]  # noqa: E731
    story.product.freeze("consumer")
    data(story.api(story.editor).post("/ingest/fetch", json={"source_id": source.pk}))
    wait_until(lambda: ITEMS.length() >= 250, seconds=60, what="the items on the stream")

    with transaction.atomic():
        # Whoever stores a batch waits for this row, with the batch in his hands.
        Source.objects.select_for_update().get(pk=source.pk)
        story.product.thaw("consumer")
        wait_until(lambda: pending() > 0, seconds=15, what="a batch in the consumer's hands")
        story.product.kill("consumer")
    assert PendingArticle.objects.filter(source=source).count() == 0
    story.product.start()

    run = IngestRun.objects.of_source(source.pk)
    wait_until(lambda: run.latest("id").status == "succeeded", seconds=RECOVERY_SECONDS, what="the run's last item")
    only_run = run.get()
    assert (only_run.fetched_count, only_run.received_count, only_run.stored_count) == (250, 250, 250)
    assert PendingArticle.objects.filter(source=source).count() == 250
    wait_until(lambda: pending() == 0 and ITEMS.length() == 0, seconds=30, what="an empty stream")
    return identities(source, body)


def a_restart_of_every_process_loses_nothing(story: Story, expected: set[str], approved: list[int]) -> None:
    before = list(Article.objects.order_by("id").values())

    story.product.stop()
    story.product.start()

    assert list(Article.objects.order_by("id").values()) == before
    the_public_list_shows(story, approved)
    polls = IngestRun.objects.count()
    wait_until(lambda: IngestRun.objects.count() > polls, seconds=ONE_POLL_SECONDS, what="a poll after the restart")
    wait_until(lambda: not IngestRun.objects.filter(status="running").exists(), seconds=60, what="the end of that poll")
    everything_waits_exactly_once(expected)
    assert ITEMS.dead_letters() == []
