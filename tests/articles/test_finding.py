"""Finding articles by their titles: by words, by beginnings, by Han letters; in step with every change of a title."""

from __future__ import annotations

import importlib

import pytest
from django.apps import apps
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from apps.articles.models import Article, ArticleTitleKey
from apps.articles.querysets import NEWEST_TITLES
from apps.articles.services import approve, correct, undo_last
from apps.articles.services.wording import Edits
from apps.articles.title_keys import KEY_LENGTH, asked_keys, beginning_with, title_keys
from apps.core.actor import Actor
from tests.factories.articles import ArticleFactory, PendingArticleFactory
from tests.factories.users import UserFactory


def found(text: str) -> list[str]:
    return [article.title for article in Article.objects.found_by(text).order_by("pk")]


@pytest.mark.parametrize(
    ("title", "keys"),
    [
        ("UFC 300: Pereira vs. Hill", {"ufc", "300", "pereira", "vs", "hill"}),
        ("张伟丽 卫冕", {"张伟", "伟丽", "卫冕"}),
        ("Jiří Procházka", {"jiri", "prochazka"}),
        ("\uff35\uff26\uff23 勝", {"ufc", "勝"}),  # full-width letters
        ("…", set()),
    ],
)
def test_a_title_is_found_by_its_words_and_pairs_of_letters(title: str, keys: set[str]) -> None:
    assert title_keys(title) == keys


@given(st.text(max_size=300))
def test_whatever_a_title_is_its_keys_fit_and_a_search_for_it_asks_for_some_of_them(title: str) -> None:
    keys = title_keys(title)

    assert all(0 < len(key) <= KEY_LENGTH for key in keys)
    assert set(asked_keys(title)) <= keys


@pytest.mark.parametrize(
    ("key", "bounds"),
    [
        ("shang", ("shang", "shanh")),
        ("jazz", ("jazz", "jb")),
        ("ufc29", ("ufc29", "ufc2a")),
        ("zz", None),
        ("张伟", None),
        ("борец", None),
    ],
)
def test_beginnings_are_a_range_where_every_database_sorts_alike(key: str, bounds: tuple[str, str] | None) -> None:
    assert beginning_with(key) == bounds


@pytest.mark.django_db
def test_all_words_must_be_there_in_any_order() -> None:
    ArticleFactory(title="Pereira knocks out Hill at UFC 300")
    ArticleFactory(title="Hill trains in Shanghai")

    assert found("HILL pereira") == ["Pereira knocks out Hill at UFC 300"]
    assert found("hill") == ["Pereira knocks out Hill at UFC 300", "Hill trains in Shanghai"]
    assert found("hill nobody") == []


@pytest.mark.django_db
def test_a_word_that_no_title_has_stands_for_those_that_begin_with_it() -> None:
    ArticleFactory(title="Fights of the night: fighters and fighting")
    ArticleFactory(title="A fight")

    assert found("fighte") == ["Fights of the night: fighters and fighting"]
    assert found("fight") == ["A fight"]
    assert found("figh") == ["Fights of the night: fighters and fighting", "A fight"]


@pytest.mark.django_db
def test_chinese_is_found_by_any_part_of_two_letters_or_more() -> None:
    ArticleFactory(title="张伟丽第三次卫冕成功")

    for asked in ("张伟丽", "伟丽", "卫冕 张伟丽", "第三次卫冕"):
        assert found(asked) == ["张伟丽第三次卫冕成功"], asked
    assert found("伟张") == []


@pytest.mark.django_db
def test_inside_of_words_only_the_newest_titles_are_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.articles.querysets.NEWEST_TITLES", 2)
    for number in range(4):
        ArticleFactory(title=f"Shanghai {number}")

    assert found("hanghai") == ["Shanghai 2", "Shanghai 3"]
    assert found("!!!") == []
    assert NEWEST_TITLES == 1000


@pytest.mark.django_db
def test_a_corrected_title_is_found_by_its_new_words_until_the_correction_is_undone() -> None:
    lin = Actor.of_user(UserFactory(role="editor"))
    article = approve(PendingArticleFactory(title="Pereira wins").pk, actor=lin)
    assert found("pereira") == ["Pereira wins"]

    correct(article.pk, actor=lin, edits=Edits(title="Prochazka wins"), notice="The name was wrong.")
    assert (found("pereira"), found("prochazka")) == ([], ["Prochazka wins"])

    undo_last(actor=lin)
    assert (found("pereira"), found("prochazka")) == (["Pereira wins"], [])


@pytest.mark.django_db
def test_articles_that_were_there_before_get_their_keys_once_however_often_it_runs() -> None:
    for number in range(3):
        ArticleFactory(title=f"Pereira {number}")
    ArticleTitleKey.objects.all().delete()
    migration = importlib.import_module("apps.articles.migrations.0007_title_keys")

    for _ in range(2):
        migration.write_keys(apps, None)

    assert sorted(ArticleTitleKey.objects.values_list("key", flat=True)) == ["0", "1", "2", *["pereira"] * 3]
    assert found("pereira 2") == ["Pereira 2"]


@pytest.mark.django_db
def test_a_search_for_what_no_text_column_holds_finds_nothing() -> None:
    client = Client()
    client.force_login(UserFactory(role="editor"))

    assert client.get("/admin/articles/article/", {"q": "a\x00b"}).status_code in {200, 302}


@pytest.mark.django_db
def test_the_list_of_the_back_office_searches_so_with_its_filters() -> None:
    client = Client()
    client.force_login(UserFactory(role="editor"))
    ArticleFactory(title="Pereira wins")
    ArticleFactory(title="Pereira loses", status=Article.Status.OFFLINE)

    shown = client.get("/admin/articles/article/", {"q": "pereira", "status": "offline"})

    assert [str(row) for row in shown.context["cl"].result_list] == ["Pereira loses"]
