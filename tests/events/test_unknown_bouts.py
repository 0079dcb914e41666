"""Bouts of a feed that are none of ours: linked, added, ignored, taken back; and bouts that an editor adds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from django.test import Client
from django.urls import reverse

from apps.audit.testing import recorded
from apps.core.actor import Actor, ActorKind
from apps.core.errors import AppError, Conflict, Invalid, NotFound, PreconditionFailed
from apps.events import services
from apps.events.errors import MoveNotAllowed, NoSuchEvent
from apps.events.models import Bout, BoutExternalId, BoutReport, Event, UnknownBout
from apps.events.services import NewBout
from apps.fighters.models import FighterExternalId
from apps.fighters.services import provenance
from tests.events.recordings import Evening, evening, poll
from tests.factories.events import BoutExternalIdFactory, BoutFactory, EventFactory, UnknownBoutFactory
from tests.factories.fighters import FighterFactory
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 5, 2, 12, 0, tzinfo=UTC)
OPERATOR = Actor(ActorKind.USER, "7", "operator")


def misspelt(number: int) -> bytes:
    """The feed writes the opener's names as nobody else does."""
    document = orjson.loads(poll(number))
    [opener] = [bout for bout in document["events"][0]["competitions"] if "Zhao" in orjson.dumps(bout).decode()]
    for competitor, name in zip(opener["competitors"], ("H. Zhao-Li", "T. O'R."), strict=True):
        competitor["athlete"]["fullName"] = name
    return orjson.dumps(document)


@pytest.fixture
def card() -> Evening:
    card = evening(NOW)
    card.hear(misspelt(3), at=3)
    return card


@pytest.fixture
def unknown(card: Evening) -> UnknownBout:
    [unknown] = UnknownBout.objects.all()
    return unknown


def test_a_bout_that_nobody_knows_is_kept_once_with_its_athletes(card: Evening, unknown: UnknownBout) -> None:
    card.hear(misspelt(4), at=4)

    assert UnknownBout.objects.get() == unknown
    assert [name for _id, name in unknown.athletes] == ["H. Zhao-Li", "T. O'R."]
    assert (unknown.status, str(unknown)) == ("open", "H. Zhao-Li – T. O'R.")
    assert card.opener.state == "scheduled"


def test_the_feed_is_understood_once_a_person_has_linked_the_bout(card: Evening, unknown: UnknownBout) -> None:
    # Zhao Hai is first of the feed and stands in our blue corner.
    services.link_unknown(unknown.pk, card.opener.pk, first_is="blue", actor=OPERATOR, expected_version=1)

    card.hear(misspelt(3), at=4)
    assert (card.opener.state, card.opener.round) == ("in_round", 1)
    outcome = card.hear(misspelt(7), at=7)

    assert (outcome.unmatched, outcome.held) == (0, {})
    assert card.opener.winner_fighter.name == "Zhao Hai"
    corners = (card.opener.red_fighter_id, card.opener.blue_fighter_id)
    kept = FighterExternalId.objects.filter(fighter__in=corners)
    ids = dict(kept.values_list("fighter__name", "external_id"))
    assert ids == {"Zhao Hai": unknown.athletes[0][0], "Tomas OReilly": unknown.athletes[1][0]}
    unknown.refresh_from_db()
    assert (unknown.status, unknown.bout_id, unknown.decided_by, unknown.version) == (
        *("linked", card.opener.pk, "operator", 2),
    )
    told = {item["resource_type"] for item in recorded() if item["actor_id"] == "7"}
    assert told == {"unknown_bout", "fighter"}


def test_athletes_who_are_known_by_id_are_known_in_the_next_bout_too(card: Evening, unknown: UnknownBout) -> None:
    services.link_unknown(unknown.pk, card.opener.pk, first_is="blue", actor=OPERATOR, expected_version=1)
    BoutExternalId.objects.all().delete()

    assert card.hear(misspelt(4), at=4).unmatched == 0
    assert card.opener.state == "between_rounds"


def test_a_link_by_mistake_is_taken_back_with_all_that_was_learnt(card: Evening, unknown: UnknownBout) -> None:
    services.link_unknown(unknown.pk, card.main.pk, first_is="red", actor=OPERATOR, expected_version=1)
    known_before = set(BoutExternalId.objects.values_list("external_id", flat=True)) - {unknown.external_id}

    services.reopen_unknown(unknown.pk, actor=OPERATOR, expected_version=2)

    assert not FighterExternalId.objects.filter(external_id__in=dict(unknown.athletes)).exists()
    assert set(BoutExternalId.objects.values_list("external_id", flat=True)) == known_before
    assert not BoutReport.objects.filter(bout=card.main).exists()
    unknown.refresh_from_db()
    assert (unknown.status, unknown.bout_id, unknown.claimed, unknown.decided_at) == ("open", None, [], None)
    # And said right.
    services.link_unknown(unknown.pk, card.opener.pk, first_is="blue", actor=OPERATOR, expected_version=3)
    card.hear(misspelt(3), at=5)
    assert card.opener.state == "in_round"


def test_what_is_ignored_is_not_asked_about_until_it_is_taken_back(unknown: UnknownBout) -> None:
    services.ignore_unknown(unknown.pk, actor=OPERATOR, expected_version=1)
    with pytest.raises(Conflict):
        services.ignore_unknown(unknown.pk, actor=OPERATOR, expected_version=2)

    services.reopen_unknown(unknown.pk, actor=OPERATOR, expected_version=2)
    with pytest.raises(Conflict):
        services.reopen_unknown(unknown.pk, actor=OPERATOR, expected_version=3)

    assert UnknownBout.objects.get().status == "open"


def test_what_can_not_be_linked_is_refused_and_nothing_is_changed(card: Evening, unknown: UnknownBout) -> None:
    def link(
        bout_id: int = card.opener.pk, first_is: str = "blue", version: int = 1, unknown_id: int = unknown.pk
    ) -> Any:
        return services.link_unknown(unknown_id, bout_id, first_is=first_is, actor=OPERATOR, expected_version=version)

    before = recorded()
    other = FighterExternalId.objects.create(
        fighter=FighterFactory(), source="espn", external_id=unknown.athletes[0][0]
    )
    refusals: list[tuple[type[AppError], dict[str, Any]]] = [
        (Invalid, {"bout_id": BoutFactory().pk}),
        (Invalid, {"first_is": "left"}),
        (PreconditionFailed, {"version": 2}),
        (NotFound, {"unknown_id": 10**9}),
        (Conflict, {}),
    ]
    for error, values in refusals:
        with pytest.raises(error):
            link(**values)
    other.delete()
    BoutExternalIdFactory(external_id=unknown.external_id)
    with pytest.raises(Conflict):
        link()
    three = UnknownBoutFactory(event=card.event, athletes=[["1", "A"], ["2", "B"], ["3", "C"]])
    with pytest.raises(Conflict):
        link(unknown_id=three.pk)

    unknown.refresh_from_db()
    assert (unknown.status, unknown.version) == ("open", 1)
    assert not FighterExternalId.objects.filter(external_id__in=dict(unknown.athletes)).exists()
    assert recorded() == before


# --- adding -----------------------------------------------------------------------------------------------------------
def new(**values: Any) -> NewBout:
    pair = {"red_fighter_id": 0, "blue_fighter_id": 0}
    return NewBout(**{**{corner: values.pop(corner, None) or FighterFactory().pk for corner in pair}, **values})


def test_a_bout_is_added_at_the_end_of_the_card(django_capture_on_commit_callbacks: Any) -> None:
    event = EventFactory()
    BoutFactory(event=event, sequence_no=4)

    wanted = new(segment="prelims", weight_class=" Flyweight ", scheduled_rounds=3)
    bout = services.add_bout(event.pk, wanted, actor=OPERATOR, expected_version=event.version)

    event.refresh_from_db()
    bout.refresh_from_db()
    assert (bout.sequence_no, bout.card_segment, bout.weight_class, bout.scheduled_rounds) == (
        *(5, "prelims", "Flyweight", 3),
    )
    assert (bout.state, bout.is_manual, event.version) == ("scheduled", False, 2)
    assert provenance.is_locked(bout, "red_fighter_id")
    assert not provenance.is_locked(bout, "winner_fighter_id")
    assert [item["action"] for item in recorded() if item["resource_type"] == "bout"] == ["created"]


def test_a_bout_of_the_feed_is_added_and_linked_in_one(card: Evening) -> None:
    document = orjson.loads(poll(3))
    stranger = orjson.loads(poll(3))["events"][0]["competitions"][0] | {"id": "77009"}
    for competitor, name in zip(stranger["competitors"], ("Nova One", "Nova Two"), strict=True):
        competitor["id"], competitor["athlete"]["fullName"] = f"9{name[-1]}", name
    document["events"][0]["competitions"].append(stranger)
    body = orjson.dumps(document)
    card.hear(body, at=4)
    unknown = UnknownBout.objects.get(external_id="77009")
    one, two = FighterFactory(name="Nowak"), FighterFactory(name="Zweig")

    bout = services.add_bout(
        card.event.pk,
        new(red_fighter_id=one.pk, blue_fighter_id=two.pk, scheduled_rounds=3),
        actor=OPERATOR,
        expected_version=card.event.version,
        unknown_id=unknown.pk,
        unknown_version=1,
        first_is="red",
    )
    card.hear(body, at=5)

    unknown.refresh_from_db()
    bout.refresh_from_db()
    assert (unknown.status, unknown.bout_id) == ("linked", bout.pk)
    assert bout.state == "in_round"


def test_a_bout_that_can_not_be_is_refused_and_the_card_stays(card: Evening) -> None:
    event, standing = card.event, card.opener.red_fighter_id
    over, merged = EventFactory(status="completed"), FighterFactory(merged_into=FighterFactory())
    version = event.version
    twice = FighterFactory().pk
    refusals: list[tuple[type[AppError], int, NewBout, int]] = [
        (Invalid, event.pk, new(red_fighter_id=twice, blue_fighter_id=twice), version),
        (Invalid, event.pk, new(red_fighter_id=10**9), version),
        (Invalid, event.pk, new(blue_fighter_id=merged.pk), version),
        (Conflict, event.pk, new(blue_fighter_id=standing), version),
        (Invalid, event.pk, new(segment="afterparty"), version),
        (Invalid, event.pk, new(weight_class="x" * 65), version),
        (Invalid, event.pk, new(scheduled_rounds=0), version),
        (Invalid, event.pk, new(scheduled_rounds=13), version),
        (PreconditionFailed, event.pk, new(), version - 1),
        (MoveNotAllowed, over.pk, new(), over.version),
        (NoSuchEvent, 10**9, new(), 1),
    ]
    before = Bout.objects.count(), recorded()
    for error, event_id, wanted, expected in refusals:
        with pytest.raises(error):
            services.add_bout(event_id, wanted, actor=OPERATOR, expected_version=expected)
    with pytest.raises(NotFound):
        services.add_bout(event.pk, new(), actor=OPERATOR, expected_version=version, unknown_id=10**9, first_is="red")

    assert (Bout.objects.count(), recorded()) == before
    event.refresh_from_db()
    assert event.version == version


def test_who_stands_in_a_cancelled_bout_may_fight_another() -> None:
    event = EventFactory()
    cancelled = BoutFactory(event=event, state="cancelled")

    services.add_bout(
        event.pk, new(red_fighter_id=cancelled.red_fighter_id), actor=OPERATOR, expected_version=event.version
    )

    assert event.bouts.count() == 2


# --- the screens ------------------------------------------------------------------------------------------------------
def as_role(role: str) -> Client:
    client = Client()
    client.force_login(UserFactory(role=role))
    return client


def act(client: Client, event: Event, deed: str, **values: Any) -> int:
    return client.post(reverse("admin:events_event_editor_act", args=[event.pk]), {"deed": deed, **values}).status_code


def test_operators_settle_what_the_feed_means_but_do_not_add_bouts(card: Evening, unknown: UnknownBout) -> None:
    operator = as_role("operator")
    page = operator.get(reverse("admin:events_event_editor", args=[card.event.pk])).content.decode()
    assert 'data-form="link"' in page
    assert 'data-form="add"' not in page
    board = operator.get(reverse("admin:events_event_board", args=[card.event.pk])).content.decode()
    assert "T. O&#x27;R." in board

    link = {"unknown": unknown.pk, "unknown_version": 1, "bout": card.opener.pk, "first_is": "blue"}
    assert act(operator, card.event, "link", **{**link, "unknown_version": ""}) == 400
    assert act(operator, card.event, "link", **{**link, "unknown_version": 9}) == 412
    assert act(operator, card.event, "link", **{**link, "bout": ""}) == 400
    assert act(operator, EventFactory(), "link", **link) == 400
    assert act(operator, card.event, "link", **link) == 200
    assert act(operator, card.event, "reopen", unknown=unknown.pk, unknown_version=2) == 200
    assert act(operator, card.event, "ignore", unknown=unknown.pk, unknown_version=3) == 200
    assert act(operator, card.event, "add", red=1, blue=2, version=card.event.version) == 403

    page = operator.get(reverse("admin:events_event_editor", args=[card.event.pk])).content.decode()
    assert 'data-deed="reopen"' in page


def test_an_editor_adds_a_bout(card: Evening) -> None:
    editor = as_role("editor")
    one, two = FighterFactory(), FighterFactory()
    sent = {"red": one.pk, "blue": two.pk, "segment": "main_card", "rounds": 5, "weight_class": "Flyweight"}

    assert act(editor, card.event, "add", **sent) == 400
    assert act(editor, card.event, "add", **{**sent, "blue": ""}, version=card.event.version) == 400
    assert act(editor, card.event, "add", **sent, version=card.event.version) == 200

    assert Bout.objects.get(red_fighter=one).scheduled_rounds == 5


def test_an_auditor_decides_nothing(card: Evening, unknown: UnknownBout) -> None:
    auditor = as_role("auditor")

    assert act(auditor, card.event, "ignore", unknown=unknown.pk, unknown_version=1) == 403
    page = auditor.get(reverse("admin:events_event_editor", args=[card.event.pk])).content.decode()
    assert "data-deed" not in page
    assert "data-form" not in page
