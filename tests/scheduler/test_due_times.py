"""When a schedule is due: zones, summer time, intervals, bounds (decision 19)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.scheduler.due_times import (
    BoundedRule,
    ClockedRule,
    CronRule,
    IntervalRule,
    next_after,
    passed,
    upcoming,
)
from apps.scheduler.errors import BadRule

BERLIN = ZoneInfo("Europe/Berlin")
SHANGHAI = ZoneInfo("Asia/Shanghai")
AWKWARD = ("Europe/Berlin", "America/Havana", "Australia/Lord_Howe", "Antarctica/Troll", "Asia/Kathmandu", "UTC")


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


def test_a_rule_is_read_in_its_own_zone() -> None:
    assert next_after(CronRule("0 2 * * *", SHANGHAI), utc(2026, 3, 1)) == utc(2026, 3, 1, 18)


def test_a_fixed_time_inside_the_gap_is_due_once_at_its_end() -> None:
    times = upcoming(CronRule("30 2 * * *", BERLIN), utc(2026, 3, 28, 12), count=2)

    assert times == [utc(2026, 3, 29, 1), utc(2026, 3, 30, 0, 30)]


def test_two_fixed_times_inside_the_gap_are_one_due_time() -> None:
    times = upcoming(CronRule("15,45 2 * * *", BERLIN), utc(2026, 3, 28, 12), count=2)

    assert times == [utc(2026, 3, 29, 1), utc(2026, 3, 30, 0, 15)]


def test_a_repeated_fixed_time_is_due_once_at_its_first_occurrence() -> None:
    times = upcoming(CronRule("30 2 * * *", BERLIN), utc(2026, 10, 24, 12), count=2)

    assert times == [utc(2026, 10, 25, 0, 30), utc(2026, 10, 26, 1, 30)]


def test_asked_in_the_second_of_two_equal_hours_the_first_is_not_repeated() -> None:
    assert next_after(CronRule("30 2 * * *", BERLIN), utc(2026, 10, 25, 1, 10)) == utc(2026, 10, 26, 1, 30)


def test_wildcards_follow_elapsed_time_through_the_repeated_hour() -> None:
    times = upcoming(CronRule("*/30 * * * *", BERLIN), utc(2026, 10, 24, 23, 59), count=6)

    assert times == [utc(2026, 10, 25) + timedelta(minutes=30 * step) for step in range(6)]


@pytest.mark.parametrize(
    "expression", ["", "* * * *", "* * * * * *", "61 * * * *", "a b c d e", "30 2 30 2 *", "@daily"]
)
def test_what_is_no_cron_rule_is_refused(expression: str) -> None:
    with pytest.raises(BadRule):
        CronRule(expression, SHANGHAI)


def test_either_day_field_is_enough() -> None:
    times = upcoming(CronRule("0 0 13 * FRI", ZoneInfo("UTC")), utc(2026, 3, 10), count=3)

    assert [moment.day for moment in times] == [13, 20, 27]


def test_an_interval_counts_from_its_anchor_not_from_the_question() -> None:
    rule = IntervalRule(timedelta(seconds=90), utc(2026, 1, 1))

    assert upcoming(rule, utc(2026, 1, 1, 0, 1), count=2) == [utc(2026, 1, 1, 0, 1, 30), utc(2026, 1, 1, 0, 3)]


def test_an_interval_with_a_coming_anchor_starts_there() -> None:
    rule = IntervalRule(timedelta(hours=1), utc(2026, 5, 1))

    assert next_after(rule, utc(2026, 4, 1)) == utc(2026, 5, 1)


def test_an_interval_below_a_second_is_refused() -> None:
    with pytest.raises(BadRule):
        IntervalRule(timedelta(milliseconds=999))


def test_a_clocked_rule_is_due_once() -> None:
    rule = ClockedRule(utc(2026, 5, 1))

    assert upcoming(rule, utc(2026, 4, 1), count=3) == [utc(2026, 5, 1)]
    assert next_after(rule, utc(2026, 5, 1)) is None


def test_bounds_are_inclusive() -> None:
    rule = BoundedRule(CronRule("0 * * * *", ZoneInfo("UTC")), utc(2026, 5, 1, 3), utc(2026, 5, 1, 5))

    assert [due.hour for due in upcoming(rule, utc(2026, 4, 1), count=9)] == [3, 4, 5]


def test_passed_times_are_split_into_late_and_on_time() -> None:
    rule = CronRule("* * * * *", ZoneInfo("UTC"))
    now = utc(2026, 5, 1, 12, 10, 5)

    result = passed(rule, utc(2026, 5, 1, 12), now, tolerance=timedelta(seconds=30), limit=100)

    assert (result.first_late, result.before_last_late, result.last_late) == (
        utc(2026, 5, 1, 12),
        utc(2026, 5, 1, 12, 8),
        utc(2026, 5, 1, 12, 9),
    )
    assert result.late_count == 10
    assert result.on_time == [utc(2026, 5, 1, 12, 10)]
    assert result.next_due == utc(2026, 5, 1, 12, 11)
    assert result.is_complete


def test_a_span_longer_than_the_limit_is_walked_in_parts() -> None:
    rule = CronRule("* * * * *", ZoneInfo("UTC"))

    result = passed(rule, utc(2026, 5, 1), utc(2026, 5, 2), tolerance=timedelta(seconds=30), limit=60)

    assert (result.late_count, result.next_due, result.is_complete) == (60, utc(2026, 5, 1, 1), False)


@settings(max_examples=60, deadline=None)
@given(
    zone=st.sampled_from(AWKWARD),
    hour=st.integers(0, 23),
    minute=st.integers(0, 59),
    day=st.integers(0, 364),
)
def test_a_fixed_time_is_due_once_each_local_day(zone: str, hour: int, minute: int, day: int) -> None:
    start = utc(2026, 1, 1) + timedelta(days=day)
    local = [
        due.astimezone(ZoneInfo(zone)).date()
        for due in upcoming(CronRule(f"{minute} {hour} * * *", ZoneInfo(zone)), start, count=8)
    ]

    assert local == [local[0] + timedelta(days=step) for step in range(8)]


@settings(max_examples=60, deadline=None)
@given(
    zone=st.sampled_from(AWKWARD),
    expression=st.sampled_from(
        ["*/30 * * * *", "0 * * * *", "15 */2 * * *", "30 1-3 * * *", "0 2 * * 1-5", "7 3 1 * *"]
    ),
    minutes=st.integers(0, 365 * 24 * 60),
)
def test_due_times_rise_and_do_not_depend_on_where_one_asks(zone: str, expression: str, minutes: int) -> None:
    rule = CronRule(expression, ZoneInfo(zone))
    start = utc(2026, 1, 1) + timedelta(minutes=minutes)
    times = upcoming(rule, start, count=6)

    assert all(earlier < later for earlier, later in zip([start, *times], times, strict=False))
    assert [next_after(rule, moment) for moment in times[:-1]] == times[1:]


@settings(max_examples=60, deadline=None)
@given(seconds=st.integers(1, 100_000), offset=st.integers(0, 10_000_000))
def test_intervals_neither_drift_nor_repeat(seconds: int, offset: int) -> None:
    rule = IntervalRule(timedelta(seconds=seconds))
    moment = utc(2026, 1, 1) + timedelta(seconds=offset)
    due = next_after(rule, moment)

    assert due is not None
    assert timedelta() < due - moment <= timedelta(seconds=seconds)
    assert int(due.timestamp()) % seconds == 0
