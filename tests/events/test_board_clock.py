"""The board's own clock: since when we know that the round is fought."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apps.core.actor import Actor, ActorKind
from apps.events import services
from apps.events.admin.board import elapsed_seconds
from apps.events.enums import BoutState
from apps.events.models import Bout, BoutRevision
from tests.factories.events import BoutFactory, BoutRevisionFactory
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db
ANN = Actor(ActorKind.USER, "7", "ann")


def told(bout: Bout, seconds_ago: int, old: dict[str, object], new: dict[str, object], reason: str = "") -> None:
    last = max(bout.revisions.values_list("version", flat=True), default=1)
    revision = BoutRevisionFactory(bout=bout, version=last + 1, old=old, new=new, reason=reason)
    BoutRevision.objects.filter(pk=revision.pk).update(created_at=timezone.now() - timedelta(seconds=seconds_ago))


def elapsed(bout: Bout) -> int | None:
    return elapsed_seconds(bout, timezone.now())


@pytest.fixture
def bout() -> Bout:
    bout = BoutFactory(state="in_round", round=2)
    told(bout, 400, {"state": "scheduled", "round": None}, {"state": "in_round", "round": 1})
    told(bout, 133, {"state": "between_rounds"}, {"state": "in_round", "round": 2})
    return bout


def test_the_clock_runs_since_the_last_round_began(bout: Bout) -> None:
    assert elapsed(bout) == 133


def test_a_round_that_a_poll_has_skipped_to_began_then(bout: Bout) -> None:
    told(bout, 20, {"round": 2}, {"round": 3})

    assert elapsed(bout) == 20


def test_what_goes_on_or_was_taken_back_did_not_begin_anew(bout: Bout) -> None:
    told(bout, 40, {"state": "in_round"}, {"state": "stopped"})
    told(bout, 30, {"state": "stopped"}, {"state": "in_round"})
    told(bout, 20, {"state": "in_round"}, {"state": "between_rounds"})
    told(bout, 10, {"state": "between_rounds"}, {"state": "in_round"}, reason="undo")

    assert elapsed(bout) == 133


@pytest.mark.parametrize("state", [state for state in BoutState if state != BoutState.IN_ROUND])
def test_there_is_no_clock_while_no_round_is_fought(bout: Bout, state: BoutState) -> None:
    bout.state = state

    assert elapsed(bout) is None


def test_a_round_of_which_nobody_knows_when_it_began_has_no_clock() -> None:
    assert elapsed(BoutFactory(state="in_round", round=1)) is None


def test_the_board_shows_the_clock_as_a_guess(client: Client) -> None:
    client.force_login(UserFactory(role="operator"))
    client.cookies["django_language"] = "en"
    bout = BoutFactory()
    services.step_bout(bout.pk, to=BoutState.IN_ROUND, in_round=1, actor=ANN, expected_version=1)
    BoutRevision.objects.update(created_at=timezone.now() - timedelta(seconds=90))

    page = client.get(f"/admin/events/event/{bout.event_id}/board/state/").content.decode()

    assert "since we heard that the round began, about" in page
    assert 'data-elapsed="90">1:30<' in page
