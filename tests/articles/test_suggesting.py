"""Which fighters and events are found in a piece: by whole names only, sure or not, in few statements."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.articles.models import Mention, PendingArticle
from apps.articles.services import suggest, suggest_again
from apps.articles.tasks import suggest_again as suggest_again_task
from apps.articles.tasks import suggest_names
from apps.fighters.models import Fighter
from apps.fighters.services import write_keys
from tests.factories.articles import PendingArticleFactory
from tests.factories.events import EventFactory
from tests.factories.fighters import FighterAliasFactory, FighterFactory

pytestmark = pytest.mark.django_db


def fighter(name: str, name_zh: str = "", *, aliases: tuple[str, ...] = (), **values: object) -> Fighter:
    made = FighterFactory(name=name, name_zh=name_zh, **values)
    for alias in aliases:
        FighterAliasFactory(fighter=made, name=alias)
    write_keys([made.pk])
    return made


def found(title: str, summary: str = "") -> list[tuple[str, bool]]:
    """(name, whether it is sure) of what is suggested for a piece with these words."""
    piece = PendingArticleFactory(title=title, summary=summary)
    suggest([piece.pk])
    rows = Mention.objects.filter(pending=piece).select_related("fighter", "event")
    assert {row.state for row in rows} <= {"suggested"}
    return [(row.fighter.name if row.fighter else row.event.name, row.is_sure) for row in rows]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "title",
    [
        "Jan Błachowicz retires",
        "JAN BLACHOWICZ RETIRES",
        "jan blachowicz retires",
        "Ｊａｎ Błachowicz retires",
        "Błachowicz: Jan Blachowicz’s last fight",
        "Jan-Blachowicz retires",
        'Jan "The Prince" Błachowicz retires',
        "Jan\u200b Błachowicz retires",
    ],
)
def test_a_full_name_is_found_whatever_its_case_accents_and_nickname(title: str) -> None:
    fighter("Jan Błachowicz")

    assert found(title) == [("Jan Błachowicz", True)]


@pytest.mark.parametrize(
    "title",
    ["Blachowicz retires", "Jan retires", "Jan. Blachowicz retires", "Jan Blachowiczowski", "Bojan Blachowicz", ""],
)
def test_a_part_of_a_name_is_nobody(title: str) -> None:
    fighter("Jan Błachowicz")

    assert found(title or "–", "Jan and Blachowicz were there.") == []


def test_aliases_initials_and_endings_are_names_too() -> None:
    fighter("Georges St-Pierre", aliases=("Rush St. Pierre",))
    fighter("T.J. Dillashaw")
    fighter("Sean O'Malley")
    fighter("Roosevelt Roberts Jr.")

    assert found("Georges St. Pierre, Rush St. Pierre") == [("Georges St-Pierre", True)]
    assert found("TJ Dillashaw and T. J. Dillashaw") == [("T.J. Dillashaw", True)]
    assert found("Sean O’Malley’s knockout of Roosevelt Roberts") == [
        ("Sean O'Malley", True),
        ("Roosevelt Roberts Jr.", True),
    ]


def test_a_turned_name_is_suggested_but_not_sure() -> None:
    fighter("Zhang Weili")

    assert found("Weili Zhang defends the title") == [("Zhang Weili", False)]


def test_two_fighters_of_one_name_are_both_suggested_and_none_is_sure() -> None:
    fighter("Bruno Silva", weight_class="Flyweight")
    fighter("Bruno Silva", weight_class="Middleweight")

    assert found("Bruno Silva wins by knockout") == [("Bruno Silva", False), ("Bruno Silva", False)]


def test_who_is_known_by_name_only_is_not_sure() -> None:
    fighter("Jan Blachowicz", is_unconfirmed=True)

    assert found("Jan Blachowicz retires") == [("Jan Blachowicz", False)]


def test_of_two_names_the_longer_was_meant() -> None:
    fighter("Jose Aldo")
    fighter("Jose Aldo Junior")

    assert found("Jose Aldo Junior wins") == [("Jose Aldo Junior", True)]
    assert found("Jose Aldo wins") == [("Jose Aldo", True)]


def test_a_single_word_counts_only_as_somebodys_whole_name_that_nobody_else_has() -> None:
    fighter("Rongzhu")
    fighter("Silva")
    fighter("Anderson Silva")

    assert found("Rongzhu stops Silva") == [("Rongzhu", False)]
    assert found("a rongzhu is no person") == []


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("张伟丽第三次卫冕成功", [("Zhang Weili", True)]),
        ("康纳·麦格雷戈宣布复出", [("Conor McGregor", True)]),
        ("康纳麦格雷戈宣布复出", [("Conor McGregor", True)]),
        ("麦格雷戈宣布复出", []),
        ("伟丽说", []),
        ("李娜获胜", [("Li Na", False)]),
    ],
)
def test_chinese_names_are_found_whole(title: str, expected: list[tuple[str, bool]]) -> None:
    fighter("Zhang Weili", "张伟丽")
    fighter("Conor McGregor", "康纳·麦格雷戈")
    fighter("Li Na", "李娜")

    assert found(title) == expected


def test_a_chinese_name_inside_a_longer_one_is_not_meant() -> None:
    fighter("Li Xiao", "李小")
    fighter("Bruce Lee", "李小龙")

    assert found("李小龙的影响") == [("Bruce Lee", True)]


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("UFC 300: Pereira vs. Hill results", True),
        ("All results of ufc 300", True),
        ("UFC300第一场", True),
        ("UFC 30 results", False),
        ("UFC 3000 dollars", False),
        ("The 300 of UFC", False),
        ("UFC: 300 fighters were cut", True),
    ],
)
def test_events_are_found_by_name_and_by_number(title: str, expected: bool) -> None:
    EventFactory(name="UFC 300: Pereira vs. Hill")

    assert found(title) == ([("UFC 300: Pereira vs. Hill", True)] if expected else [])


def test_events_without_a_number_are_found_by_their_whole_name_and_equal_ones_are_not_sure() -> None:
    EventFactory(name="UFC Fight Night: Blaydes vs. Aspinall")
    EventFactory(name="Fight Night 7", org="Oktagon")
    EventFactory(name="PFL 3", org="PFL")
    EventFactory(name="PFL 3", org="PFL")

    assert found("UFC Fight Night results") == []
    assert found("UFC Fight Night - Blaydes v Aspinall, or: UFC Fight Night: Blaydes vs Aspinall") == [
        ("UFC Fight Night: Blaydes vs. Aspinall", True)
    ]
    assert found("Oktagon Fight Night 7") == [("Fight Night 7", True)]
    assert found("PFL 3 tonight") == [("PFL 3", False), ("PFL 3", False)]


def test_running_again_adds_nothing_and_keeps_what_a_person_said() -> None:
    first, second = fighter("Jan Blachowicz"), fighter("Jon Jones")
    piece = PendingArticleFactory(title="Jan Blachowicz meets Jon Jones")
    suggest([piece.pk])
    Mention.objects.filter(fighter=first).update(state="dismissed")
    PendingArticle.objects.filter(pk=piece.pk).update(title="Jan Blachowicz meets nobody")

    assert suggest([piece.pk]) == 0
    assert suggest_names(pending_ids=[piece.pk]) == {"suggested": 0}

    assert list(Mention.objects.values_list("fighter", "state")) == [(first.pk, "dismissed")]
    assert second.pk not in Mention.objects.values_list("fighter", flat=True)


def test_a_suggestion_follows_what_is_known_now() -> None:
    one = fighter("Bruno Silva")
    piece = PendingArticleFactory(title="Bruno Silva wins")
    suggest([piece.pk])
    assert list(Mention.objects.values_list("fighter", "is_sure")) == [(one.pk, True)]
    other = fighter("Bruno Silva")

    suggest([piece.pk])

    assert list(Mention.objects.order_by("fighter").values_list("fighter", "is_sure")) == [
        (one.pk, False),
        (other.pk, False),
    ]


@pytest.mark.parametrize(
    "title",
    ["", "·" * 200, "'" * 250, "\u202e x \ufeff", "张" * 250, "a b c d e f g " * 18, "🥊" * 100, "%_\\'; DROP TABLE"],
)
def test_strange_words_name_nobody(title: str) -> None:
    piece = PendingArticleFactory(title=title, summary=title * 10)

    assert suggest([piece.pk]) == 0


def test_the_number_of_statements_does_not_grow_with_the_pieces() -> None:
    for number in range(30):
        fighter(f"Hero{chr(97 + number % 26)}{number} Last", f"名字{chr(0x4E00 + number)}")
        EventFactory(name=f"UFC {500 + number}: A vs. B")
    counts = []
    for number in (2, 20):
        pieces = [
            PendingArticleFactory(title=f"Heroa0 Last at UFC {500 + n}", summary=f"名字{chr(0x4E00 + n)}赢了")
            for n in range(number)
        ]
        with CaptureQueriesContext(connection) as queries:
            suggest([piece.pk for piece in pieces])
        counts.append(len(queries))
        assert Mention.objects.filter(pending__in=pieces).count() == 3 * number - 1

    assert counts[0] == counts[1] <= 17


def test_pieces_older_than_their_fighters_are_looked_at_again() -> None:
    piece = PendingArticleFactory(title="Jan Blachowicz at UFC 300")
    PendingArticleFactory(title="Jan Blachowicz", status="approved")
    assert suggest([piece.pk]) == 0
    fighter("Jan Blachowicz")
    EventFactory(name="UFC 300: A vs. B")

    assert suggest_again_task() == {"suggested": 2}
    assert suggest_again_task() == {"suggested": 0}
    assert set(Mention.objects.values_list("pending", flat=True)) == {piece.pk}


def test_nothing_is_looked_at_again_when_nobody_came() -> None:
    PendingArticleFactory(title="Jan Blachowicz")
    fighter("Jan Blachowicz")

    with CaptureQueriesContext(connection) as queries:
        assert suggest_again(now=timezone.now() + timedelta(hours=3)) == 0

    assert len(queries) == 2
