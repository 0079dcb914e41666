"""The back-office pages of the articles app: what they show, what they do, who may, and what they cost."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.articles.models import Article, PendingArticle, Source, Takedown
from apps.articles.task_names import POLL_SOURCE
from apps.taskhub.testing import queued
from tests.articles.audit_trail import trail
from tests.factories.articles import (
    ArticleFactory,
    IngestRunErrorFactory,
    IngestRunFactory,
    MentionFactory,
    PendingArticleFactory,
    PendingRevisionFactory,
    SourceFactory,
    TakedownFactory,
)
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db

QUEUE = "/admin/articles/pendingarticle/"
SOURCES = "/admin/articles/source/"
LISTS = (QUEUE, SOURCES, "/admin/articles/article/", "/admin/articles/ingestrun/", "/admin/articles/takedown/")
HX = {"HX-Request": "true"}


def signed_in(role: str) -> Client:
    client = Client()
    client.force_login(UserFactory(role=role))
    client.cookies["django_language"] = "en"
    return client


@pytest.fixture
def editor() -> Client:
    return signed_in("editor")


def titles(response: Any) -> list[str]:
    return [str(row) for row in response.context["cl"].result_list]


def sentences(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def some_rows(number: int) -> None:
    for _ in range(number):
        piece = PendingArticleFactory()
        PendingRevisionFactory(pending=piece)
        article = ArticleFactory(source=piece.source)
        TakedownFactory(article=article)
        MentionFactory(pending=piece)
        MentionFactory(pending=None, article=article, state="confirmed")
        IngestRunErrorFactory(run=IngestRunFactory(source=piece.source))


# --- the queue --------------------------------------------------------------------------------------------------
def test_the_queue_opens_with_what_waits_oldest_first(editor: Client) -> None:
    PendingArticleFactory(title="First")
    PendingArticleFactory(title="Second")
    PendingArticleFactory(title="Done", status="approved")

    assert titles(editor.get(QUEUE)) == ["First", "Second"]
    assert titles(editor.get(QUEUE, {"status__exact": "pending"})) == ["First", "Second"]
    assert titles(editor.get(QUEUE, {"status__exact": "approved"})) == ["Done"]
    assert titles(editor.get(QUEUE, {"status__exact": ""})) == ["First", "Second", "Done"]


def test_what_the_source_changed_after_the_decision_is_found_and_compared(editor: Client) -> None:
    piece = PendingArticleFactory(title="Lee wins", status="approved", reviewed_at=timezone.now() - timedelta(hours=1))
    PendingArticle.objects.filter(pk=piece.pk).update(changed_after_review_at=timezone.now())
    PendingRevisionFactory(pending=piece, title="Li wins")
    PendingArticleFactory(title="Untouched", status="approved")

    found = editor.get(QUEUE, {"status__exact": "", "changed_after_review_at__exact": "1"})
    page = editor.get(f"{QUEUE}{piece.pk}/change/").content.decode()

    assert titles(found) == ["Lee wins"]
    assert '<del class="bjz-removed">Lee</del><ins class="bjz-added">Li</ins> wins' in page
    assert "changed after review" in page


def test_titles_lead_to_the_original_and_nothing_foreign_is_run(editor: Client) -> None:
    piece = PendingArticleFactory(
        title="<script>alert(1)</script>Title",
        content='<p onclick="x()">Text</p><img src="https://tracker.example/p.gif"><script>alert(2)</script>',
        source_url="https://news.example/a?b=1&c=2",
    )

    page = editor.get(QUEUE).content.decode()
    detail = editor.get(f"{QUEUE}{piece.pk}/change/").content.decode()

    assert 'href="https://news.example/a?b=1&amp;c=2" target="_blank" rel="noopener noreferrer nofollow"' in page
    for html in (page, detail):
        assert "<script>alert" not in html
        assert "&lt;script&gt;alert(1)&lt;/script&gt;Title" in html
    assert "<p>Text</p>" in detail
    assert "tracker.example/p.gif&quot;" not in detail.partition("bjz-json")[0]
    assert '<img src="https://tracker' not in detail


def test_approving_in_a_dialog_publishes(editor: Client) -> None:
    piece = PendingArticleFactory()
    dialog = f"{QUEUE}{piece.pk}/approve/"

    question = editor.get(dialog, headers=HX)
    assert Article.objects.count() == 0
    answer = editor.post(dialog, {"_form_submitted": "on", "version": piece.version}, headers=HX)

    assert f'name="version" value="{piece.version}"' in question.content.decode()
    assert answer.status_code == 200
    assert "HX-Redirect" in answer.headers
    assert Article.objects.get().pending_id == piece.pk
    assert [event["action"] for event in trail()] == ["approved", "published"]


def test_rejecting_in_a_dialog_needs_a_reason(editor: Client) -> None:
    piece = PendingArticleFactory()
    dialog = f"{QUEUE}{piece.pk}/reject/"

    refused = editor.post(dialog, {"_form_submitted": "on", "version": 1, "reason": ""}, headers=HX)
    assert "HX-Redirect" not in refused.headers
    assert PendingArticle.objects.get().status == "pending"

    editor.post(dialog, {"_form_submitted": "on", "version": 1, "reason": "Old news."}, headers=HX)
    assert PendingArticle.objects.values_list("status", "reject_reason").get() == ("rejected", "Old news.")


def test_a_piece_edited_while_the_dialog_was_open_is_not_decided_on(editor: Client) -> None:
    piece = PendingArticleFactory(version=2)

    dialog = editor.post(f"{QUEUE}{piece.pk}/approve/", {"_form_submitted": "on", "version": 1}, headers=HX)

    assert Article.objects.count() == 0
    assert "you saw version 1, now it is version 2" in dialog.content.decode()


def test_many_are_approved_after_one_confirmation(editor: Client) -> None:
    pieces = [PendingArticleFactory() for _ in range(3)]
    chosen = [str(piece.pk) for piece in pieces[:2]]

    question = editor.post(QUEUE, {"action": "approve_selected", "_selected_action": chosen, "index": "0"})
    assert Article.objects.count() == 0
    assert [f'name="version_{pk}" value="1"' in question.content.decode() for pk in chosen] == [True, True]

    answer = editor.post(
        QUEUE,
        {"action": "approve_selected", "_selected_action": chosen, "confirmed": "yes", "_form_submitted": "on"}
        | {f"version_{pk}": "1" for pk in chosen},
        follow=True,
    )

    assert sentences(answer) == ["2 pieces have been published."]
    assert Article.objects.count() == 2
    assert titles(answer) == [pieces[2].title]


def test_many_are_rejected_with_one_reason_or_not_at_all(editor: Client) -> None:
    pieces = [PendingArticleFactory() for _ in range(2)]
    chosen = [str(piece.pk) for piece in pieces]
    sent = {"action": "reject_selected", "_selected_action": chosen, "confirmed": "yes", "_form_submitted": "on"}
    sent |= {f"version_{pk}": "1" for pk in chosen}

    editor.post(QUEUE, sent | {"reason": ""})
    assert PendingArticle.objects.filter(status="pending").count() == 2

    PendingArticle.objects.filter(pk=chosen[0]).update(status="approved")
    refused = editor.post(QUEUE, sent | {"reason": "Spam."})
    assert "decided meanwhile: approved" in refused.content.decode()
    assert PendingArticle.objects.filter(status="pending").count() == 1

    PendingArticle.objects.filter(pk=chosen[0]).update(status="pending")
    accepted = editor.post(QUEUE, sent | {"reason": "Spam."}, follow=True)
    assert sentences(accepted) == ["2 pieces have been rejected."]
    assert PendingArticle.objects.filter(status="rejected", reject_reason="Spam.").count() == 2


def test_those_who_may_only_look_see_no_buttons_and_are_refused() -> None:
    auditor = signed_in("auditor")
    piece = PendingArticleFactory()

    page = auditor.get(QUEUE)
    assert "/approve/" not in page.content.decode()
    posted = auditor.post(f"{QUEUE}{piece.pk}/approve/", {"_form_submitted": "on", "version": 1}, headers=HX)
    assert posted.status_code == 403
    auditor.post(
        QUEUE,
        {"action": "approve_selected", "_selected_action": [piece.pk], "confirmed": "yes", f"version_{piece.pk}": "1"},
    )
    assert PendingArticle.objects.get().status == "pending"
    assert trail() == []


# --- sources ----------------------------------------------------------------------------------------------------
FORM = {
    "name": "Courier",
    "source_url": "https://courier.example/rss",
    "parser_kind": "feed",
    "enabled": "on",
    "interval_seconds": "900",
    "source_type": "news",
    "arrival_policy": "queue",
}


def test_a_source_is_added_and_changed_through_the_service(editor: Client) -> None:
    editor.post(f"{SOURCES}add/", FORM)
    source = Source.objects.get()
    page = f"{SOURCES}{source.pk}/change/"
    seen = editor.get(page).context["adminform"].form["seen"].value()
    editor.post(page, FORM | {"name": "Courier of the octagon", "seen": seen})

    source.refresh_from_db()
    assert (source.name, source.source_url) == ("Courier of the octagon", "https://courier.example/rss")
    assert [event["action"] for event in trail()] == ["created", "updated"]


def test_a_refused_source_shows_why_beside_its_field(editor: Client) -> None:
    SourceFactory(source_url=FORM["source_url"])

    double = editor.post(f"{SOURCES}add/", FORM)
    wrong = editor.post(f"{SOURCES}add/", FORM | {"source_url": "ftp://x.example/"})

    assert double.context["adminform"].form.errors["source_url"] == ["There is a source with this address already."]
    assert "source_url" in wrong.context["adminform"].form.errors
    assert Source.objects.count() == 1


def test_fetch_now_is_a_dialog_that_queues_a_poll(editor: Client) -> None:
    source = SourceFactory()
    dialog = f"{SOURCES}{source.pk}/fetch_now/"

    editor.get(dialog, headers=HX)
    assert queued() == []
    editor.post(dialog, {"_form_submitted": "on"}, headers=HX)

    assert queued() == [(POLL_SOURCE, {"source_id": source.pk, "url": "", "parser_kind": ""})]


def test_health_is_seen_at_a_glance(editor: Client) -> None:
    SourceFactory(
        last_fetch_status="failed",
        last_fetch_error="The server took too long to answer.",
        last_success_at=timezone.now() - timedelta(hours=3),
        next_poll_at=timezone.now() + timedelta(minutes=20, seconds=30),
    )

    page = editor.get(SOURCES).content.decode()

    for sign in ("failed", "The server took too long to answer.", "3 h ago", "in 20 min"):
        assert sign in page


def test_only_those_with_the_right_add_change_or_fetch_sources() -> None:
    source = SourceFactory()
    operator, auditor = signed_in("operator"), signed_in("auditor")

    assert [client.get(f"{SOURCES}add/").status_code for client in (operator, auditor)] == [403, 403]
    assert operator.post(f"{SOURCES}{source.pk}/change/", FORM).status_code == 403
    assert auditor.post(f"{SOURCES}{source.pk}/fetch_now/", {"_form_submitted": "on"}, headers=HX).status_code == 403
    operator.post(f"{SOURCES}{source.pk}/fetch_now/", {"_form_submitted": "on"}, headers=HX)
    assert len(queued()) == 1


# --- all lists --------------------------------------------------------------------------------------------------
def test_a_run_shows_its_errors_and_leads_to_its_task(editor: Client) -> None:
    run = IngestRunFactory(task_id="abc123")
    error = IngestRunErrorFactory(run=run, kind="parse", message="No feed.", sample="<h1>Sign in</h1>")

    page = editor.get(f"/admin/articles/ingestrun/{error.run_id}/change/").content.decode()

    assert "No feed." in page
    assert 'href="/admin/taskhub/task/?q=abc123"' in page
    assert "&lt;h1&gt;Sign in&lt;/h1&gt;" in page


@pytest.mark.parametrize("path", LISTS)
def test_a_list_costs_the_same_queries_for_two_and_for_twenty_and_at_most_twelve(editor: Client, path: str) -> None:
    counts = []
    some_rows(2)
    editor.get(path)  # the sidebar's figures are kept for some seconds
    for number in (0, 18):
        some_rows(number)
        with CaptureQueriesContext(connection) as queries:
            assert editor.get(path).status_code == 200
        counts.append(len(queries))

    assert counts[0] == counts[1] <= 12


@pytest.mark.parametrize("path", LISTS)
def test_every_page_opens_in_both_languages_for_those_who_may(path: str) -> None:
    some_rows(1)
    rows = {
        QUEUE: PendingArticle.objects.get().pk,
        SOURCES: Source.objects.first().pk,  # type: ignore[union-attr]
        LISTS[2]: Article.objects.get().pk,
        LISTS[3]: Article.objects.get().source.runs.get().pk,  # type: ignore[union-attr]
        LISTS[4]: Takedown.objects.get().pk,
    }
    for role in ("editor", "auditor", "administrator"):
        client = signed_in(role)
        for language in ("en", "zh-hans"):
            client.cookies["django_language"] = language
            assert client.get(path).status_code == 200
            assert client.get(f"{path}{rows[path]}/change/").status_code == 200
