"""What a person has locked of an event or a bout is given back to the sources; what they were refused is taken."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.audit.testing import recorded
from apps.core.actor import Actor, ActorKind
from apps.core.errors import Conflict, Invalid, PreconditionFailed
from apps.events import services
from apps.events.enums import Result
from apps.events.errors import BoutChanged, MoveNotAllowed
from apps.events.models import Bout, Event
from apps.events.services import Ending
from apps.events.services.releasing import release_bout_fields, release_event_fields
from apps.fighters.models import RefusedChange
from apps.fighters.services import provenance, take_refused
from tests.factories.events import BoutFactory, EventFactory
from tests.factories.fighters import RefusedChangeFactory
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db
ANN = Actor(ActorKind.USER, "7", "ann")


@pytest.fixture
def event() -> Event:
    event = EventFactory(name="UFC 331")
    services.edit_event(event.pk, actor=ANN, name="UFC 331: Ours", venue="Hall")
    event.refresh_from_db()
    return event


@pytest.fixture
def bout() -> Bout:
    """Arranged by a person, its result entered by one."""
    bout = BoutFactory(sequence_no=2)
    event = bout.event
    places = [services.Place(bout.pk, "prelims")]
    services.arrange_card(event.pk, places, actor=ANN, expected_version=event.version)
    ending = Ending(Result.WIN, "red", "submission", round=2, time_sec=83, official=True)
    services.enter_result(bout.pk, ending, actor=ANN, expected_version=2)
    bout.refresh_from_db()
    return bout


def test_a_released_field_of_an_event_may_be_written_by_its_source(event: Event) -> None:
    before = len(recorded())

    release_event_fields(event.pk, ["name"], actor=ANN, expected_version=event.version)

    now = Event.objects.get()
    assert (now.name, now.version) == ("UFC 331: Ours", event.version + 1)
    assert provenance.locked_fields(now) == {"venue": "ann"}
    accepted, _refused = provenance.split(now, {"name": "UFC 331"}, source="ufcstats")
    assert accepted == {"name": "UFC 331"}
    [told] = recorded()[before:]
    assert told["resource_type"] == "event"
    assert str(Event._meta.get_field("name").verbose_name) in told["reason"]


def test_order_and_part_of_a_bout_are_released_one_by_one(bout: Bout) -> None:
    release_bout_fields(bout.pk, ["sequence_no"], actor=ANN, expected_version=bout.version)

    now = Bout.objects.get()
    assert "sequence_no" not in provenance.locked_fields(now)
    assert {"card_segment", "winner_fighter_id"} <= set(provenance.locked_fields(now))
    assert (now.is_manual, now.version) == (True, bout.version + 1)
    assert recorded()[-1]["action"] == "unlocked"


def test_a_result_is_released_as_one(bout: Bout) -> None:
    release_bout_fields(bout.pk, ["method"], actor=ANN)

    now = Bout.objects.get()
    assert set(provenance.locked_fields(now)) == {"sequence_no", "card_segment"}
    assert (now.is_manual, now.method, now.winner_fighter_id) == (False, "submission", bout.red_fighter_id)


def test_what_can_not_be_released_is_refused_and_nothing_changes(event: Event, bout: Bout) -> None:
    void = BoutFactory(state="cancelled", duplicate_of=BoutFactory(), provenance=bout.provenance)
    before = recorded(), Event.objects.get(pk=event.pk).version, Bout.objects.get(pk=bout.pk).version

    for fields in ([], ["starts_at"], ["name", "nonsense"]):
        with pytest.raises(Invalid):
            release_event_fields(event.pk, fields, actor=ANN)
    with pytest.raises(PreconditionFailed):
        release_event_fields(event.pk, ["name"], actor=ANN, expected_version=event.version - 1)
    with pytest.raises(Invalid):
        release_bout_fields(bout.pk, ["referee"], actor=ANN)
    with pytest.raises(BoutChanged):
        release_bout_fields(bout.pk, ["method"], actor=ANN, expected_version=1)
    with pytest.raises(MoveNotAllowed):
        release_bout_fields(void.pk, ["method"], actor=ANN)

    assert (recorded(), Event.objects.get(pk=event.pk).version, Bout.objects.get(pk=bout.pk).version) == before


# --- refused changes --------------------------------------------------------------------------------------------------
def offer(row: Event | Bout, field: str, offered: Any) -> RefusedChange:
    kind = "event" if isinstance(row, Event) else "bout"
    return RefusedChangeFactory(resource_type=kind, resource_id=row.pk, field=field, offered=offered)


@pytest.mark.parametrize(
    ("field", "offered", "value"),
    [("name", "UFC 331", "UFC 331"), ("starts_at", "2026-08-01T18:00:00Z", datetime(2026, 8, 1, 18, tzinfo=UTC))],
)
def test_the_value_of_a_source_replaces_ours_and_is_the_persons_word(
    event: Event, field: str, offered: str, value: object
) -> None:
    change = offer(event, field, offered)

    take_refused(change.pk, actor=ANN)

    now = Event.objects.get()
    change.refresh_from_db()
    assert (getattr(now, field), provenance.is_locked(now, field), change.status) == (value, True, "taken")
    with pytest.raises(Conflict):
        take_refused(change.pk, actor=ANN)


def test_what_is_no_ones_to_take_stays_open(event: Event) -> None:
    change = offer(event, "external_url", "https://x.example/1")

    with pytest.raises(Invalid):
        take_refused(change.pk, actor=ANN)

    change.refresh_from_db()
    assert change.status == "open"


def test_of_a_bout_ours_is_released_for_the_sources_next_word(bout: Bout) -> None:
    change = offer(bout, "winner_fighter_id", bout.blue_fighter_id)

    take_refused(change.pk, actor=ANN)

    now = Bout.objects.get()
    change.refresh_from_db()
    assert (now.winner_fighter_id, now.is_manual, change.status) == (bout.red_fighter_id, False, "taken")
    accepted, refused = provenance.split(now, {"winner_fighter_id": bout.blue_fighter_id}, source="ufcstats")
    assert (list(accepted), refused) == (["winner_fighter_id"], [])


# --- the screens ------------------------------------------------------------------------------------------------------
def dialog(client: Client, address: str, **sent: Any) -> Any:
    return client.post(address, {"_form_submitted": "on", **sent}, headers={"HX-Request": "true"})


@pytest.mark.parametrize(("kind", "field"), [("event", "venue"), ("bout", "card_segment")])
def test_a_field_is_released_by_dialog(client: Client, event: Event, bout: Bout, kind: str, field: str) -> None:
    client.force_login(UserFactory(role="editor"))
    row: Any = event if kind == "event" else bout
    page = client.get(reverse(f"admin:events_{kind}_change", args=[row.pk])).content.decode()
    assert "(ann)" in page

    address = reverse(f"admin:events_{kind}_release", args=[row.pk])
    stale = dialog(client, address, field=field, version=row.version - 1)
    row.refresh_from_db()
    assert provenance.is_locked(row, field), stale
    assert "HX-Redirect" in dialog(client, address, field=field, version=row.version).headers

    row.refresh_from_db()
    assert not provenance.is_locked(row, field)


def test_who_may_not_change_them_releases_nothing(client: Client, event: Event, bout: Bout) -> None:
    client.force_login(UserFactory(role="auditor"))

    for kind, row in (("event", event), ("bout", bout)):
        assert dialog(client, reverse(f"admin:events_{kind}_release", args=[row.pk]), field="x").status_code == 403


def test_what_a_source_was_refused_is_taken_from_the_list(client: Client, event: Event) -> None:
    client.force_login(UserFactory(role="editor"))
    change = offer(event, "venue", "Arena")

    answer = dialog(client, reverse("admin:fighters_refusedchange_take", args=[change.pk]))

    assert "HX-Redirect" in answer.headers
    assert Event.objects.get().venue == "Arena"
