"""Fighters and events in the back-office: boxes at the desk and on the article's page, filters, forged values."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.articles.models import Article, Mention, PendingArticle
from apps.articles.services import approve
from apps.core.actor import Actor
from apps.fighters.services import write_keys
from tests.articles.audit_trail import trail
from tests.factories.articles import ArticleFactory, MentionFactory, PendingArticleFactory, SourceFactory
from tests.factories.events import EventFactory
from tests.factories.fighters import FighterFactory
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db

QUEUE = "/admin/articles/pendingarticle/"
DESK = f"{QUEUE}desk/"
ARTICLES = "/admin/articles/article/"
FETCH = {"X-Requested-With": "fetch"}


def signed_in(role: str) -> Client:
    client = Client()
    client.force_login(UserFactory(role=role))
    client.cookies["django_language"] = "en"
    return client


@pytest.fixture
def editor() -> Client:
    return signed_in("editor")


def decide(client: Client, piece: PendingArticle, deed: str, **sent: Any) -> Any:
    body = {"deed": deed, "version": piece.version, "seen_title": piece.title, "seen_summary": piece.summary, **sent}
    return client.post(f"{QUEUE}{piece.pk}/decide/", body, headers=FETCH)


def preview(client: Client, piece: PendingArticle) -> str:
    return client.get(f"{QUEUE}{piece.pk}/preview/", headers=FETCH).content.decode()


def states() -> dict[str, str]:
    return {row.key: row.state for row in Mention.objects.all()}


def cards(page: Any) -> list[int]:
    return [card.piece.pk for card in page.context["cards"]]


def titles(page: Any) -> list[str]:
    return [row.title for row in page.context["cl"].result_list]


# --- the desk ---------------------------------------------------------------------------------------------------
def test_the_preview_ticks_what_is_sure_and_what_was_confirmed(editor: Client) -> None:
    piece = PendingArticleFactory()
    sure = MentionFactory(pending=piece, is_sure=True, fighter=FighterFactory(name="<b>Lee</b>", name_zh="李"))
    unsure = MentionFactory(pending=piece)
    confirmed = MentionFactory(pending=piece, fighter=None, event=EventFactory(name="UFC 300"), state="confirmed")
    dismissed = MentionFactory(pending=piece, is_sure=True, state="dismissed")

    html = preview(editor, piece)

    for row, ticked in ((sure, True), (unsure, False), (confirmed, True), (dismissed, False)):
        assert f'name="shown" value="{row.key}"' in html
        assert (f'name="ticked" value="{row.key}" checked' in html) is ticked
    assert "&lt;b&gt;Lee&lt;/b&gt; 李" in html
    assert "<b>Lee</b>" not in html
    assert 'name="ticked"' not in preview(signed_in("auditor"), piece)


def test_approving_at_the_desk_confirms_what_is_ticked(editor: Client) -> None:
    piece = PendingArticleFactory()
    sure, unsure = MentionFactory(pending=piece, is_sure=True), MentionFactory(pending=piece)
    event = EventFactory()

    answer = decide(editor, piece, "approve", shown=[sure.key, unsure.key], ticked=[sure.key, f"event:{event.pk}"])

    assert answer.status_code == 200
    assert states() == {sure.key: "confirmed", unsure.key: "dismissed", f"event:{event.pk}": "confirmed"}
    article = Article.objects.get()
    assert set(article.mentions.values_list("fighter", "event")) == {(sure.fighter_id, None), (None, event.pk)}


def test_names_are_saved_alone_and_a_stale_version_shows_both(editor: Client) -> None:
    row = MentionFactory(is_sure=True)
    piece = row.pending

    dismissed = decide(editor, piece, "names", shown=[row.key])
    assert dismissed.status_code == 200
    assert states() == {row.key: "dismissed"}
    stale = decide(editor, piece, "names", shown=[row.key], ticked=[row.key])

    assert (stale.status_code, "version 2" in stale.json()["html"]) == (412, True)
    assert (states(), Article.objects.count()) == ({row.key: "dismissed"}, 0)
    step = {"step": dismissed.json()["undo"]["step"]}
    assert editor.post(f"{DESK}undo/", step, headers=FETCH).status_code == 200
    assert states() == {row.key: "suggested"}


@pytest.mark.parametrize("deed", ["names", "approve"])
@pytest.mark.parametrize(
    "keys", [["fighter:²"], ["fighter:999999"], ["event:-1"], ["<script>"], [""], ["fighter:" + "9" * 60], ["x"] * 500]
)
def test_forged_keys_are_refused_and_nothing_changes(editor: Client, deed: str, keys: list[str]) -> None:
    row = MentionFactory()

    answer = decide(editor, row.pending, deed, shown=[row.key], ticked=keys)

    assert answer.status_code in {400, 404}
    assert answer.json()["message"]
    assert (states(), Article.objects.count(), trail("pendingArticle")) == ({row.key: "suggested"}, 0, [])


def test_the_desk_is_narrowed_by_language_fighter_and_event(editor: Client) -> None:
    fighter, event = FighterFactory(name="Zhang Weili"), EventFactory(name="UFC 300")
    english = PendingArticleFactory(source=SourceFactory(language="en"))
    named = PendingArticleFactory(source=SourceFactory(language="zh-hans"))
    MentionFactory(pending=named, fighter=fighter)
    MentionFactory(pending=named, fighter=None, event=event)
    MentionFactory(pending=english, fighter=fighter, state="dismissed")

    assert cards(editor.get(DESK, {"language": "en"})) == [english.pk]
    page = editor.get(DESK, {"fighter": fighter.pk, "event": event.pk})
    assert cards(page) == [named.pk]
    assert page.context["left"] == 1
    assert f'<option value="{fighter.pk}" selected>Zhang Weili (1)</option>' in page.content.decode()
    for nonsense in ("x", "-1", "9" * 40, "²", "<b>"):
        query = {"language": nonsense, "fighter": nonsense, "event": nonsense}
        assert cards(editor.get(DESK, query)) == [english.pk, named.pk]
    assert cards(editor.get(DESK, {"fighter": 999_999})) == []
    answer = editor.post(
        f"{QUEUE}{named.pk}/decide/?fighter={fighter.pk}", {"deed": "approve", "version": 1}, headers=FETCH
    )
    assert answer.json()["left"] == 0


def test_the_desk_costs_the_same_for_two_and_for_twenty(editor: Client) -> None:
    counts = []
    editor.get(DESK)
    for number in (2, 20):
        PendingArticle.objects.all().delete()
        for _ in range(number):
            row = MentionFactory()
            MentionFactory(pending=row.pending, fighter=None, event=EventFactory())
        with CaptureQueriesContext(connection) as queries:
            assert len(cards(editor.get(DESK))) == number
        counts.append(len(queries))

    assert counts[0] == counts[1]


def test_fighters_and_events_are_found_as_one_types(editor: Client) -> None:
    fighter = FighterFactory(name="Zhang Weili", name_zh="张伟丽", weight_class="Strawweight")
    write_keys([fighter.pk])
    event = EventFactory(name="UFC 300: Zhang vs. Yan")

    found = editor.get(f"{DESK}names/", {"q": "zhang"}).json()["items"]

    assert [item["key"] for item in found] == [f"fighter:{fighter.pk}", f"event:{event.pk}"]
    assert found[0]["label"] == "Zhang Weili 张伟丽"
    for typed in ("", "%", "_", "\x00", "'", "x" * 5000, "²"):
        assert editor.get(f"{DESK}names/", {"q": typed}).status_code == 200
    assert editor.get(f"{DESK}names/").json() == {"items": []}


# --- the article ------------------------------------------------------------------------------------------------
def test_the_page_of_an_article_shows_its_names_and_leads_to_the_boxes(editor: Client) -> None:
    row = MentionFactory(fighter=FighterFactory(name="Zhang Weili", name_zh=""), state="confirmed")
    article = approve(row.pending_id, actor=Actor.of_user(UserFactory(role="editor")))
    late = MentionFactory(pending=row.pending)

    page = editor.get(f"{ARTICLES}{article.pk}/change/").content.decode()
    boxes = editor.get(f"{ARTICLES}{article.pk}/names/").content.decode()

    assert "Zhang Weili" in page
    assert f"{ARTICLES}{article.pk}/names/" in page
    assert f'value="{row.key}" checked' in boxes
    assert f'name="ticked" value="{late.key}">' in boxes


def test_names_of_an_article_are_saved_with_the_version_that_was_shown(editor: Client) -> None:
    article, fighter = ArticleFactory(), FighterFactory(name="Zhang Weili")
    page = f"{ARTICLES}{article.pk}/names/"
    ticked = {"ticked": [f"fighter:{fighter.pk}"]}

    saved = editor.post(page, {"version": 1, **ticked}, follow=True)
    assert [str(message) for message in saved.context["messages"]] == ["The names have been saved."]
    assert states() == {f"fighter:{fighter.pk}": "confirmed"}
    stale = editor.post(page, {"version": 1, "shown": [f"fighter:{fighter.pk}"]})
    assert (stale.status_code, "changed in the meantime" in stale.content.decode()) == (412, True)
    again = editor.post(page, {"version": 1, **ticked})
    assert "You had ticked: Zhang Weili" in " ".join(again.content.decode().split())
    for version in ("", "x", "²", "9" * 40):
        assert editor.post(page, {"version": version, "shown": [f"fighter:{fighter.pk}"]}).status_code == 412
    for forged in ("fighter:²", "fighter:999999", "<script>alert(1)</script>"):
        answer = editor.post(page, {"version": 2, "ticked": [forged]})
        assert answer.status_code == 400
        assert "<script>alert" not in answer.content.decode()
    assert states() == {f"fighter:{fighter.pk}": "confirmed"}
    assert editor.get(f"{ARTICLES}999999/names/").status_code == 404


def test_who_may_not_change_articles_sees_no_boxes() -> None:
    article, auditor = ArticleFactory(), signed_in("auditor")

    assert auditor.get(f"{ARTICLES}{article.pk}/names/").status_code == 403
    assert auditor.post(f"{ARTICLES}{article.pk}/names/", {"version": 1}).status_code == 403


# --- lists ------------------------------------------------------------------------------------------------------
def test_both_lists_are_narrowed_by_fighter_event_and_language(editor: Client) -> None:
    fighter, event = FighterFactory(name="Zhang Weili"), EventFactory(name="UFC 300")
    piece = PendingArticleFactory(title="Named", source=SourceFactory(language="en"))
    PendingArticleFactory(title="Other", source=SourceFactory(language="ja"))
    article = ArticleFactory(title="Published")
    ArticleFactory(title="Elsewhere")
    for target in ({"fighter": fighter}, {"fighter": None, "event": event}):
        MentionFactory(pending=piece, article=article, state="confirmed", **target)

    for name, number in (("fighter", fighter.pk), ("event", event.pk)):
        query = {f"mentions__{name}__id__exact": number}
        assert titles(editor.get(QUEUE, query)) == ["Named"]
        page = editor.get(ARTICLES, query)
        assert titles(page) == ["Published"]
        assert f'<option value="{number}" selected>' in page.content.decode()
        for nonsense in ("x", "²", "9" * 40):
            answer = editor.get(ARTICLES, {f"mentions__{name}__id__exact": nonsense})
            assert answer.status_code == 302
        assert titles(editor.get(ARTICLES, {f"mentions__{name}__id__exact": 999_999})) == []
    assert titles(editor.get(QUEUE, {"source__language__exact": "ja"})) == ["Other"]


@pytest.mark.parametrize("action", ["approve_selected", "reject_selected"])
@pytest.mark.parametrize("forged", ["²", "x", "-1", "1.5", "9" * 40, "٣", ""])
@pytest.mark.parametrize("confirmed", [True, False])
def test_forged_rows_of_a_bulk_decision_are_refused(editor: Client, action: str, forged: str, confirmed: bool) -> None:
    piece = PendingArticleFactory()
    sent = {"action": action, "_selected_action": [piece.pk, forged], f"version_{piece.pk}": "1", "reason": "No."}
    if confirmed:
        sent |= {"confirmed": "yes", "_form_submitted": "on", f"version_{forged}": "1"}

    answer = editor.post(QUEUE, sent, follow=True)

    assert answer.status_code == 200
    if confirmed:
        assert [message.level_tag for message in answer.context["messages"]] == ["error"]
    piece.refresh_from_db()
    assert (piece.status, Article.objects.count(), trail("pendingArticle")) == ("pending", 0, [])


@pytest.mark.parametrize("version", ["²", "x", "", "-1", "9" * 40])
def test_a_forged_version_is_a_stale_one(editor: Client, version: str) -> None:
    piece = PendingArticleFactory()
    sent = {"action": "approve_selected", "_selected_action": [piece.pk], f"version_{piece.pk}": version}

    answer = editor.post(QUEUE, sent | {"confirmed": "yes", "_form_submitted": "on"})

    assert answer.status_code == 412
    assert [one.piece.pk for one in answer.context["in_the_way"]] == [piece.pk]
    assert Article.objects.count() == 0
