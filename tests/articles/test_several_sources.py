"""The queue by cluster: what several sources tell, at the desk and in the list."""

from __future__ import annotations

import pytest
from django.test import Client

from apps.articles.models import PendingArticle
from apps.articles.services import leave_story
from apps.core.actor import SYSTEM
from tests.articles.test_desk import DESK, decide
from tests.articles.test_story_decisions import QUEUE, story
from tests.factories.articles import PendingArticleFactory
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def editor() -> Client:
    client = Client()
    client.force_login(UserFactory(role="editor"))
    client.cookies["django_language"] = "en"
    return client


def shown(client: Client, **asked: str) -> list[int]:
    return [card.piece.pk for card in client.get(DESK, asked).context["cards"]]


def test_the_desk_shows_only_the_stories_of_several_sources(editor: Client) -> None:
    alone = PendingArticleFactory()
    first, _second = story(2)
    other, _third = story(2)

    assert shown(editor) == [alone.pk, first.pk, other.pk]
    assert shown(editor, told="several") == [first.pk, other.pk]
    assert shown(editor, told="nonsense") == [alone.pk, first.pk, other.pk]
    page = editor.get(DESK, {"told": "several"})
    assert page.context["left"] == 2
    assert '<option value="several" selected>several sources</option>' in page.content.decode()
    answer = editor.post(
        f"{QUEUE}{first.pk}/decide/?told=several", {"deed": "approve", "version": first.version, "seen_title": "x"}
    )
    assert answer.json()["left"] == 1


def test_a_story_with_one_piece_left_is_told_by_one_source(editor: Client) -> None:
    first, second = story(2)
    leave_story(second.pk, actor=SYSTEM)

    assert shown(editor, told="several") == []
    assert shown(editor) == [first.pk, second.pk]


def test_the_list_shows_every_piece_of_these_stories(editor: Client) -> None:
    PendingArticleFactory()
    first, second = story(2)
    decide(editor, PendingArticle.objects.get(pk=second.pk), "reject", reason_code="quality")

    def listed(**asked: str) -> list[int]:
        return sorted(piece.pk for piece in editor.get(QUEUE, asked).context["cl"].result_list)

    assert listed(story__id__exact="1") == [first.pk]
    assert listed(story__id__exact="1", status__exact="") == [first.pk, second.pk]


def test_both_speak_chinese(editor: Client) -> None:
    editor.cookies["django_language"] = "zh-hans"
    story(2)

    for address in (DESK, QUEUE):
        assert "多个来源" in editor.get(address).content.decode()
