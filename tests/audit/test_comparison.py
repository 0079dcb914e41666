"""What changed, readable: labels, choices, nested fields, and clauses inside texts."""

from __future__ import annotations

import time

import pytest
from django.utils import translation

from apps.audit.services.comparison import Kind, Piece, compare, text_pieces
from tests.factories.audit import AuditEventFactory

S, R, A = Kind.SAME, Kind.REMOVED, Kind.ADDED


def plain(pieces: list[Piece]) -> list[tuple[Kind, str]]:
    return [(piece.kind, piece.text + piece.tail) for piece in pieces]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("一样的话。", "一样的话。", [(S, "一样的话。")]),
        (
            "张伟丽将于周六出战，地点在北京。",
            "张伟丽将于周日出战，地点在北京。",
            [(S, "张伟丽将于周"), (R, "六"), (A, "日"), (S, "出战，"), (S, "地点在北京。")],
        ),
        ("第一句。第三句！", "第一句。第二句？第三句！", [(S, "第一句。"), (A, "第二句？"), (S, "第三句！")]),
        (
            "Li fights Wang, in Beijing.",
            "Li fights Zhang, in Beijing.",
            [(S, "Li fights "), (R, "Wang"), (A, "Zhang"), (S, ","), (S, " in Beijing.")],
        ),
        ("完全不同的一句。", "Something else!", [(R, "完全不同的一句。"), (A, "Something else!")]),
        ("", "新。", [(A, "新。")]),
    ],
)
def test_texts_are_compared_by_clause_then_by_word_or_han_character(
    old: str, new: str, expected: list[tuple[Kind, str]]
) -> None:
    assert plain(text_pieces(old, new)) == expected


def test_long_unchanged_stretches_are_folded() -> None:
    same = "不变的文字很长" * 30 + "。"

    first, *_ = text_pieces(same + "旧。", same + "新。")

    assert first.kind is S
    assert (len(first.text), first.folded, len(first.tail)) == (30, len(same) - 60, 30)


def test_20_000_characters_take_less_than_a_tenth_of_a_second() -> None:
    old = "".join(f"第{number}句话说了一些事情，" for number in range(2000))[:20_000]
    new = old.replace("第77句", "第七十七句").replace("第1500句话", "")

    started = time.perf_counter()
    pieces = text_pieces(old, new)

    assert time.perf_counter() - started < 0.1
    assert {piece.kind for piece in pieces} == {S, R, A}


def test_a_text_of_one_clause_over_and_over_is_no_trap() -> None:
    started = time.perf_counter()
    text_pieces("打，" * 3000, "打，" * 2900 + "停。")

    assert time.perf_counter() - started < 0.5


def test_a_text_of_very_many_clauses_is_shown_as_a_whole() -> None:
    assert plain(text_pieces("a," * 4000, "b,")) == [(R, "a," * 4000), (A, "b,")]


def test_changed_fields_come_first_and_nested_ones_by_their_path() -> None:
    event = AuditEventFactory.build(
        resource_type="gone",
        old_object='{"a":1,"nested":{"x":1,"y":{"z":2}},"list":[1],"left":true}',
        new_object='{"a":1,"nested":{"x":1,"y":{"z":3}},"list":[1,2],"come":null}',
        changed_fields=["nested", "list"],
    )

    rows = [(row.field, row.kind.value) for row in compare(event)]

    assert rows == [
        ("nested.y.z", "changed"),
        ("list", "changed"),
        ("left", "removed"),
        ("come", "added"),
        ("a", "same"),
        ("nested.x", "same"),
    ]


def test_values_are_shown_with_labels_choices_and_local_times() -> None:
    event = AuditEventFactory.build(
        resource_type="article",
        old_object='{"status":"pending","published_at":null}',
        new_object='{"status":"published","published_at":"2025-01-31T08:00:00Z"}',
        changed_fields=["status", "published_at"],
    )

    with translation.override("en"):
        status, published = compare(event)

    assert (status.field, status.old, status.new) == ("status", "not published", "published")
    assert status.label != status.field
    assert (published.old, published.new) == ("", "2025-01-31 16:00:00 (CST)")


def test_a_hidden_value_is_marked_as_changed_although_both_sides_look_alike() -> None:
    event = AuditEventFactory.build(
        old_object='{"a":"[hidden, changed]","b":"[hidden]"}',
        new_object='{"a":"[hidden, changed]","b":"[hidden]"}',
        changed_fields=["a"],
    )

    first, second = compare(event)

    assert (first.field, first.kind, first.is_hidden) == ("a", Kind.CHANGED, True)
    assert (second.field, second.kind, second.is_hidden) == ("b", Kind.SAME, True)


def test_a_cut_value_says_so() -> None:
    event = AuditEventFactory.build(old_object=None, new_object='{"a":"beginning...[truncated]"}', changed_fields=[])

    [row] = compare(event)

    assert (row.kind, row.is_truncated) == (Kind.ADDED, True)
