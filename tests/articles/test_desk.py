"""The review desk: what it shows, what its deeds answer, and who may."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.articles.models import Article, PendingArticle
from apps.articles.services import claim
from apps.core.actor import Actor
from tests.articles.audit_trail import trail
from tests.factories.articles import PendingArticleFactory, PendingRevisionFactory, SourceFactory
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db

DESK = "/admin/articles/pendingarticle/desk/"
FETCH = {"X-Requested-With": "fetch"}


def signed_in(role: str, language: str = "en") -> Client:
    client = Client()
    client.force_login(UserFactory(role=role))
    client.cookies["django_language"] = language
    return client


@pytest.fixture
def editor() -> Client:
    return signed_in("editor")


def preview(client: Client, piece: PendingArticle) -> str:
    return client.get(f"/admin/articles/pendingarticle/{piece.pk}/preview/", headers=FETCH).content.decode()


def decide(client: Client, piece: PendingArticle, deed: str, **sent: Any) -> Any:
    body = {"deed": deed, "version": piece.version, "seen_title": piece.title, "seen_summary": piece.summary, **sent}
    return client.post(f"/admin/articles/pendingarticle/{piece.pk}/decide/", body, headers=FETCH)


def test_the_desk_lists_what_waits_with_age_and_count(editor: Client) -> None:
    old, new = PendingArticleFactory(title="Old one"), PendingArticleFactory(title="New one")
    PendingArticleFactory(title="Done", status="approved")
    PendingArticle.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(hours=13))

    page = editor.get(DESK)

    assert [card.piece.pk for card in page.context["cards"]] == [old.pk, new.pk]
    assert [card.tone for card in page.context["cards"]] == ["danger", "success"]
    assert page.context["left"] == 2
    newest = editor.get(DESK, {"order": "newest"})
    assert [card.piece.pk for card in newest.context["cards"]] == [new.pk, old.pk]


def test_the_desk_can_be_narrowed_to_a_source_and_led_to_a_piece(editor: Client) -> None:
    source = SourceFactory()
    mine = PendingArticleFactory(source=source)
    other = PendingArticleFactory()

    page = editor.get(DESK, {"source": source.pk})
    assert [card.piece.pk for card in page.context["cards"]] == [mine.pk]
    led = editor.get(DESK, {"source": source.pk, "piece": other.pk})
    assert [card.piece.pk for card in led.context["cards"]] == [other.pk, mine.pk]
    for nonsense in ("x", "-1", "9" * 40, "²"):
        assert editor.get(DESK, {"source": nonsense, "piece": nonsense}).status_code == 200


def test_the_preview_shows_the_piece_cleaned_with_its_version(editor: Client) -> None:
    piece = PendingArticleFactory(
        title="<script>alert(1)</script>Title",
        summary="</textarea><script>alert(2)</script>",
        content='<p onclick="x()">Text</p><script>alert(3)</script>',
        version=7,
    )
    PendingRevisionFactory(pending=piece, title="<b>Other</b> words")

    html = preview(editor, piece)

    assert "<script" not in html
    assert "<b>" not in html
    assert 'name="version" value="7"' in html
    assert "<p>Text</p>" in html
    opened = editor.get(f"/admin/articles/pendingarticle/{piece.pk}/preview/")
    assert opened["Location"] == f"{DESK}?piece={piece.pk}"


def test_approving_rejecting_and_undoing(editor: Client) -> None:
    first, second = PendingArticleFactory(), PendingArticleFactory()

    approved = decide(editor, first, "approve").json()
    rejected = decide(editor, second, "reject", reason_code="spam").json()

    assert (approved["left"], rejected["left"]) == (1, 0)
    assert Article.objects.get().pending_id == first.pk
    second.refresh_from_db()
    assert (second.status, second.reject_code) == ("rejected", "spam")
    undone = editor.post(f"{DESK}undo/", {"step": rejected["undo"]["step"]}, headers=FETCH).json()
    assert undone["piece"] == second.pk
    second.refresh_from_db()
    assert second.status == "pending"


def test_own_words_are_published_or_only_saved(editor: Client) -> None:
    first, second = PendingArticleFactory(), PendingArticleFactory()

    decide(editor, first, "approve", title="Better title", summary="Better summary")
    decide(editor, second, "edit", title="Saved title", summary="")

    assert Article.objects.values_list("title", "summary").get() == ("Better title", "Better summary")
    second.refresh_from_db()
    assert (second.status, second.title, second.summary, second.version) == ("pending", "Saved title", "", 2)


def test_publication_is_planned_in_the_zone_that_is_shown(editor: Client) -> None:
    piece = PendingArticleFactory()
    assert "Asia/Shanghai (UTC+0800)" in preview(editor, piece)
    tomorrow = timezone.localtime() + timedelta(days=1)

    answer = decide(editor, piece, "approve", title=piece.title, publish_at=f"{tomorrow:%Y-%m-%dT%H:%M}")

    assert answer.json()["message"] == "Publication is planned."
    assert Article.objects.get().publish_at == tomorrow.replace(second=0, microsecond=0)


def test_a_stale_version_is_refused_with_both_versions(editor: Client) -> None:
    piece = PendingArticleFactory(title="Lee wins by decision", summary="Old summary")
    PendingArticle.objects.filter(pk=piece.pk).update(title="Li wins by decision", version=2)

    answer = decide(editor, piece, "approve", title="My <i>own</i> words")

    assert answer.status_code == 412
    html = answer.json()["html"]
    assert "Lee wins by decision" in html
    assert '<del class="bjz-removed">Lee</del><ins class="bjz-added">Li</ins> wins by decision' in html
    assert '<ins class="bjz-added">&lt;i&gt;own&lt;/i&gt;</ins>' in html
    assert "<i>" not in html
    assert 'name="version" value="2"' in html
    assert "version 1, now it is version 2" in html
    assert Article.objects.count() == 0
    assert trail() == []


def test_what_somebody_else_holds_is_refused_until_it_is_taken_over(editor: Client) -> None:
    piece = PendingArticleFactory()
    claim(piece.pk, actor=Actor.of_user(UserFactory(username="mei", role="editor")))

    refused = decide(editor, piece, "approve")
    assert (refused.status_code, refused.json()["claimed"]) == (409, True)
    assert "mei works on piece" in refused.json()["message"]
    assert 'data-deed="take_over"' in preview(editor, piece)

    decide(editor, piece, "take_over")
    assert 'data-deed="release"' in preview(editor, piece)
    assert decide(editor, piece, "approve").status_code == 200


@pytest.mark.parametrize(
    "sent",
    [
        {"deed": "burn"},
        {"deed": ""},
        {"version": ""},
        {"version": "x"},
        {"publish_at": "soon"},
        {"publish_at": "2001-01-01T10:00"},
        {"title": "x" * 256},
        {"deed": "reject", "reason_code": "none of these"},
        {"deed": "reject", "reason_code": "other", "reason": " "},
    ],
)
def test_nonsense_is_refused_with_a_sentence(editor: Client, sent: dict[str, str]) -> None:
    piece = PendingArticleFactory()

    answer = decide(editor, piece, **{"deed": "approve", **sent})

    assert answer.status_code == 400
    assert answer.json()["message"]
    assert PendingArticle.objects.get().status == "pending"
    assert trail() == []


def test_decided_and_missing_pieces_are_told_apart(editor: Client) -> None:
    piece = PendingArticleFactory(status="approved")

    assert decide(editor, piece, "approve").status_code == 409
    piece.pk = 404
    assert decide(editor, piece, "approve").status_code == 404
    assert editor.get("/admin/articles/pendingarticle/404/preview/").status_code == 404
    assert editor.post(f"{DESK}undo/", headers=FETCH).status_code == 404


def test_those_who_only_look_get_no_forms_and_are_refused() -> None:
    auditor, operator = signed_in("auditor"), signed_in("operator")
    piece = PendingArticleFactory()

    assert "data-form" not in preview(auditor, piece)
    assert decide(auditor, piece, "approve").status_code == 403
    assert auditor.post(f"{DESK}undo/").status_code == 403
    assert operator.get(DESK).status_code == 403
    assert PendingArticle.objects.get().status == "pending"


def test_a_decision_without_the_token_of_the_page_is_refused() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(UserFactory(role="editor"))
    piece = PendingArticleFactory()

    assert decide(client, piece, "approve").status_code == 403
    assert PendingArticle.objects.get().status == "pending"


def test_the_desk_costs_the_same_queries_for_two_and_for_twenty_and_at_most_twelve(editor: Client) -> None:
    counts = []
    PendingArticleFactory.create_batch(2)
    editor.get(DESK)  # the sidebar's figures are kept for some seconds
    for number in (0, 18):
        PendingArticleFactory.create_batch(number)
        with CaptureQueriesContext(connection) as queries:
            assert editor.get(DESK).status_code == 200
        counts.append(len(queries))

    assert counts[0] == counts[1] <= 12


def test_the_desk_speaks_chinese() -> None:
    client = signed_in("editor", "zh-hans")
    piece = PendingArticleFactory()

    assert "审核台" in client.get(DESK).content.decode()
    assert "通过" in preview(client, piece)


def test_an_emptied_title_is_refused_and_not_taken_for_the_sources_words(editor: Client) -> None:
    piece = PendingArticleFactory()
    answer = decide(editor, piece, "approve", title="", summary="My own words.")

    assert answer.status_code == 400
    piece.refresh_from_db()
    assert piece.status == "pending"
    assert not Article.objects.exists()
