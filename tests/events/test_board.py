"""The live board and the event editor: what they show, what they send, what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from apps.audit.testing import recorded
from apps.events.models import Bout, Event, LiveFeed
from tests.factories.events import BoutFactory, BoutReportFactory, EventFactory, LiveFeedFactory
from tests.factories.fighters import FighterFactory
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(UserFactory(role="operator", username="op"))
    return client


@pytest.fixture
def editor(client: Client) -> Client:
    client.force_login(UserFactory(role="editor"))
    return client


def board(event: Event) -> str:
    return reverse("admin:events_event_board", args=[event.pk])


def act(client: Client, bout: Bout, deed: str, page: str = "board_act", **values: Any) -> tuple[int, str]:
    sent = {"deed": deed, "bout": bout.pk, "version": bout.version, **values}
    answer = client.post(reverse(f"admin:events_event_{page}", args=[bout.event_id]), sent)
    bout.refresh_from_db()
    return answer.status_code, answer.json()["message"]


def test_the_board_shows_our_word_and_the_sources_beside_it(operator: Client) -> None:
    bout = BoutFactory(state="in_round", round=2, scheduled_rounds=3, is_manual=True)
    BoutReportFactory(
        bout=bout, state="provisional", round=2, clock_sec=83, winner_fighter=bout.red_fighter, held="operator"
    )

    page = operator.get(board(bout.event), HTTP_ACCEPT_LANGUAGE="en").content.decode()

    assert "End of round 2" in page
    assert f"winner: {bout.red_fighter.name}" in page
    assert "1:23" in page
    assert "a person runs this bout" in page
    assert "Release to the source" in page


def test_a_late_feed_and_unknown_bouts_are_shown(operator: Client) -> None:
    event = EventFactory(status="live")
    LiveFeedFactory(
        event=event,
        alarmed_at=timezone.now(),
        last_error="HTTP 503",
        unmatched=[{"external_id": "9", "names": "A – B"}],
    )

    page = operator.get(board(event), HTTP_ACCEPT_LANGUAGE="en").content.decode()

    assert "The feed is late." in page
    assert "HTTP 503" in page
    assert "A – B" in page


def test_a_card_worked_by_hand_from_walk_to_official(operator: Client) -> None:
    bout = BoutFactory(scheduled_rounds=3)

    assert act(operator, bout, "step", to="walkouts")[0] == 200
    assert act(operator, bout, "step", to="in_round", round=1)[0] == 200
    status, _ = act(operator, bout, "result", winner="blue", method="submission", round=1, time="1:02", official="0")

    assert status == 200
    assert (bout.state, bout.winner_fighter_id, bout.time_sec) == ("provisional", bout.blue_fighter_id, 62)
    assert act(operator, bout, "confirm")[0] == 200
    assert bout.state == "official"


def test_who_corrects_the_winner_keeps_the_rest(operator: Client) -> None:
    bout = BoutFactory(
        state="official",
        result="draw",
        method="decision_majority",
        method_detail="Two of three",
        round=5,
        time_sec=299,
        scores=[{"judge": "Sal D'Amato", "red": 29, "blue": 28}],
    )
    page = operator.get(board(bout.event)).content.decode()
    assert 'value="draw" checked' in page
    assert 'value="decision_majority" checked' in page
    # Nobody has said how many rounds are scheduled.
    assert '<input type="radio" name="round" value="5" checked>' in page
    assert 'name="time" value="4:59"' in page
    assert 'name="method_detail" value="Two of three"' in page

    assert act(operator, bout, "result", winner="red", reason="Added up wrong", official="1")[0] == 200

    assert (bout.state, bout.winner_fighter_id, bout.method, bout.round) == (
        "amended",
        bout.red_fighter_id,
        "decision_majority",
        5,
    )
    assert (bout.method_detail, bout.time_sec, len(bout.scores)) == ("Two of three", 299, 1)
    assert act(operator, bout, "result", winner="red", time="", reason="Not known", official="1")[0] == 200
    assert (bout.time_sec, bout.round) == (None, 5)


def test_undo_is_offered_for_a_minute_to_the_one_who_did_it(operator: Client) -> None:
    bout = BoutFactory()
    act(operator, bout, "step", to="walkouts")
    assert "data-undo-left" in operator.get(board(bout.event)).content.decode()

    assert act(operator, bout, "undo")[0] == 200

    assert bout.state == "scheduled"
    assert "data-undo-left" not in operator.get(board(bout.event)).content.decode()


def test_of_two_operators_the_second_is_told(operator: Client) -> None:
    bout = BoutFactory()
    Bout.objects.filter(pk=bout.pk).update(version=2, state="in_round", round=1)

    status, message = act(operator, bout, "result", version=1, winner="red")

    assert status == 412
    assert message
    assert bout.state == "in_round"


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"deed": "result", "version": ""}, 400),
        ({"deed": "result"}, 400),
        ({"deed": "result", "winner": "red", "time": "soon"}, 400),
        ({"deed": "result", "winner": "red", "round": "1", "time": "9:59"}, 400),
        ({"deed": "step", "to": "over"}, 400),
        ({"deed": "step", "to": "official"}, 409),
        ({"deed": "confirm"}, 409),
        ({"deed": "undo"}, 409),
        ({"deed": "delete"}, 400),
        ({"deed": "status", "status": "over"}, 400),
        ({"deed": "step", "to": "walkouts", "bout": "999999"}, 400),
    ],
)
def test_what_is_refused_changes_nothing(editor: Client, values: dict[str, str], status: int) -> None:
    bout = BoutFactory()
    before = recorded()

    answer = editor.post(
        reverse("admin:events_event_board_act", args=[bout.event_id]), {"bout": bout.pk, "version": 1, **values}
    )

    assert answer.status_code == status
    bout.refresh_from_db()
    assert (bout.state, bout.version) == ("scheduled", 1)
    assert recorded() == before


def test_a_bout_of_another_card_is_refused(operator: Client) -> None:
    bout, other = BoutFactory(), EventFactory()

    answer = operator.post(
        reverse("admin:events_event_board_act", args=[other.pk]),
        {"deed": "step", "to": "walkouts", "bout": bout.pk, "version": 1},
    )

    assert answer.status_code == 400


def test_the_event_is_run_by_hand(editor: Client) -> None:
    bout = BoutFactory()

    assert act(editor, bout, "by_hand", by_hand="1")[0] == 200
    assert act(editor, bout, "status", status="live", version="")[0] == 200

    event = Event.objects.get()
    assert (event.is_manual, event.status) == (True, "live")


@pytest.mark.parametrize("values", [{"deed": "status", "status": "live"}, {"deed": "by_hand", "by_hand": "1"}])
def test_who_works_a_card_by_hand_begins_and_takes_over_its_event(operator: Client, values: dict[str, str]) -> None:
    event = BoutFactory().event
    assert 'data-deed="by_hand"' in operator.get(board(event)).content.decode()

    assert operator.post(reverse("admin:events_event_board_act", args=[event.pk]), values).status_code == 200

    now = Event.objects.get()
    assert (now.status, now.is_manual) in {("live", False), ("scheduled", True)}


@pytest.mark.parametrize("values", [{"deed": "status", "status": "live"}, {"deed": "by_hand", "by_hand": "1"}])
def test_who_may_only_run_bouts_does_not_move_the_event(client: Client, values: dict[str, str]) -> None:
    """A group of somebody's own making: the roles give both."""
    user = UserFactory(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_bout", "run_bout"]))
    client.force_login(user)
    event = BoutFactory().event

    assert client.post(reverse("admin:events_event_board_act", args=[event.pk]), values).status_code == 403

    now = Event.objects.get()
    assert (now.status, now.is_manual, now.version) == (event.status, event.is_manual, event.version)
    page = client.get(board(event)).content.decode()
    assert 'data-deed="step"' in page
    assert 'data-deed="by_hand"' not in page


def test_an_auditor_sees_the_board_without_buttons(client: Client) -> None:
    client.force_login(UserFactory(role="auditor"))
    bout = BoutFactory()

    assert "data-deed" not in client.get(board(bout.event)).content.decode()
    assert client.post(reverse("admin:events_event_board_act", args=[bout.event_id]), {}).status_code == 403


@pytest.mark.parametrize("page", ["board", "board_state", "editor"])
def test_pages_cost_the_same_for_two_and_for_fourteen_bouts(editor: Client, page: str) -> None:
    counts = []
    for number in (2, 14):
        event = EventFactory()
        for bout in BoutFactory.create_batch(number, event=event):
            BoutReportFactory(bout=bout, winner_fighter=bout.red_fighter)
        address = reverse(f"admin:events_event_{page}", args=[event.pk])
        editor.get(address)
        with CaptureQueriesContext(connection) as queries:
            assert editor.get(address).status_code == 200
        counts.append(len(queries))

    assert counts[0] == counts[1] <= 12


# --- the editor -------------------------------------------------------------------------------------------------
def edit(client: Client, event: Event, **values: Any) -> tuple[int, str]:
    answer = client.post(reverse("admin:events_event_editor_act", args=[event.pk]), values)
    return answer.status_code, answer.json()["message"]


def test_the_order_is_saved_as_it_was_dragged(editor: Client) -> None:
    event = EventFactory()
    one, two = (BoutFactory(event=event, sequence_no=number) for number in (1, 2))

    assert edit(editor, event, deed="arrange", version=1, order=f"{two.pk}:main_card,{one.pk}:prelims")[0] == 200

    assert list(event.bouts.in_card_order().values_list("pk", "card_segment")) == [
        (two.pk, "main_card"),
        (one.pk, "prelims"),
    ]
    assert edit(editor, event, deed="arrange", version=1, order=f"{one.pk}:,{two.pk}:")[0] == 412
    assert edit(editor, event, deed="arrange", version=99, order="x:y")[0] == 412


def test_a_fighter_is_replaced_and_a_bout_cancelled_with_a_reason(editor: Client) -> None:
    bout, newcomer = BoutFactory(), FighterFactory()

    replaced = act(editor, bout, "replace", "editor_act", corner="red", fighter=newcomer.pk, reason="Injury")
    cancelled = act(editor, bout, "cancel", "editor_act", reason="Both ill")

    assert (replaced[0], cancelled[0]) == (200, 200)
    assert (bout.red_fighter_id, bout.state, bout.cancel_reason) == (newcomer.pk, "cancelled", "Both ill")
    assert act(editor, bout, "restore", "editor_act")[0] == 200
    assert act(editor, bout, "cancel", "editor_act", reason="")[0] == 400
    assert act(editor, bout, "replace", "editor_act", corner="red", reason="x")[0] == 400


def test_an_event_is_followed_and_renamed(editor: Client) -> None:
    event = EventFactory()

    assert edit(editor, event, deed="follow", external_id="600")[0] == 200
    assert edit(editor, event, deed="rename", name="New name", version=1)[0] == 200
    assert edit(editor, event, deed="rename", name="", version=2)[0] == 400

    event.refresh_from_db()
    assert event.name == "New name"
    assert LiveFeed.objects.filter(event=event).exists()


@pytest.mark.parametrize(
    "values", [{"deed": "rename", "name": "New name", "version": "1"}, {"deed": "follow", "external_id": "600"}]
)
def test_who_may_only_change_bouts_does_not_change_the_event(client: Client, values: dict[str, str]) -> None:
    user = UserFactory(role="operator")
    user.user_permissions.add(Permission.objects.get(codename="change_bout"))
    client.force_login(user)
    event = BoutFactory().event
    address = reverse("admin:events_event_editor_act", args=[event.pk])

    assert client.post(address, values).status_code == 403

    now = Event.objects.get()
    assert (now.name, now.version, LiveFeed.objects.exists()) == (event.name, 1, False)
    page = client.get(reverse("admin:events_event_editor", args=[event.pk])).content.decode()
    assert 'data-open="cancel"' in page
    assert 'data-form="rename"' not in page


def test_the_operator_does_not_edit_the_card(operator: Client) -> None:
    event = EventFactory()

    assert operator.get(reverse("admin:events_event_editor", args=[event.pk])).status_code == 200
    assert operator.post(reverse("admin:events_event_editor_act", args=[event.pk]), {}).status_code == 403
