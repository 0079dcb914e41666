"""In which corner an athlete of the feed stands is a person's word; ids are kept by it, so a slip is refused."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from apps.audit.testing import recorded
from apps.core.actor import Actor, ActorKind
from apps.core.errors import Conflict, Invalid, PreconditionFailed
from apps.events import services
from apps.events.models import Bout, BoutExternalId, Event, UnknownBout
from apps.events.services import NewBout
from apps.fighters.models import FighterExternalId
from tests.factories.events import BoutFactory, EventFactory, UnknownBoutFactory
from tests.factories.fighters import FighterAliasFactory, FighterFactory
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db
OPERATOR = Actor(ActorKind.USER, "7", "operator")


@pytest.fixture
def event() -> Event:
    return EventFactory()


@pytest.fixture
def unknown(event: Event) -> UnknownBout:
    return UnknownBoutFactory(event=event, athletes=[["91", "Ana Silva"], ["92", "Bo Berg"]])


@pytest.fixture
def editor() -> Client:
    client = Client()
    client.force_login(UserFactory(role="administrator"))
    return client


def add(client: Client, event: Event, **sent: Any) -> tuple[int, str]:
    event.refresh_from_db()
    values = {"deed": "add", "version": event.version, **sent}
    answer = client.post(reverse("admin:events_event_editor_act", args=[event.pk]), values)
    return answer.status_code, answer.json()["message"]


def told() -> list[str]:
    return [item["action"] for item in recorded() if item["resource_type"] != "user"]


def owners() -> dict[str, str]:
    return dict(FighterExternalId.objects.filter(source="espn").values_list("external_id", "fighter__name"))


def test_who_stands_in_which_corner_of_an_added_bout_is_what_the_person_says(
    editor: Client, event: Event, unknown: UnknownBout
) -> None:
    silva, berg = FighterFactory(name="A. Silva"), FighterFactory(name="B. Berg")
    of_the_feed = {"unknown": unknown.pk, "unknown_version": 1}

    status, message = add(editor, event, red=berg.pk, blue=silva.pk, **of_the_feed, first_is="blue")

    assert status == 200, message
    assert owners() == {"91": "A. Silva", "92": "B. Berg"}


@pytest.mark.parametrize(
    ("sent", "status"),
    [({"first_is": ""}, 400), ({"unknown_version": ""}, 400), ({"unknown_version": 2}, 412), ({"unknown": "x"}, 400)],
    ids=["no corner", "no version", "stale", "no number"],
)
def test_a_bout_of_the_feed_is_not_added_by_half(
    editor: Client, event: Event, unknown: UnknownBout, sent: dict[str, Any], status: int
) -> None:
    pair = {"red": FighterFactory().pk, "blue": FighterFactory().pk}
    of_the_feed = {"unknown": unknown.pk, "unknown_version": 1, "first_is": "red", **sent}

    assert add(editor, event, **pair, **of_the_feed)[0] == status

    unknown.refresh_from_db()
    assert (unknown.status, unknown.version) == ("open", 1)
    assert (Bout.objects.count(), owners(), BoutExternalId.objects.count(), told()) == (0, {}, 0, [])


def test_who_may_not_settle_the_feed_does_not_do_so_by_adding(
    client: Client, event: Event, unknown: UnknownBout
) -> None:
    user = UserFactory(role="auditor")
    user.user_permissions.add(Permission.objects.get(codename="change_bout"))
    client.force_login(user)
    pair = {"red": FighterFactory().pk, "blue": FighterFactory().pk, "version": event.version}
    address = reverse("admin:events_event_editor_act", args=[event.pk])
    of_the_feed = {"unknown": unknown.pk, "unknown_version": 1, "first_is": "red"}

    assert client.post(address, {"deed": "add", **pair, **of_the_feed}).status_code == 403
    assert Bout.objects.count() == 0


@pytest.mark.parametrize("names", [("Ana Silva", "Bo Berg"), ("Ana Silva", "Else"), ("Else", "Bo Berg")])
def test_corners_that_contradict_a_name_are_refused_and_nothing_is_kept(
    event: Event, unknown: UnknownBout, names: tuple[str, str]
) -> None:
    red, blue = (FighterFactory(name=name) for name in names)
    bout = BoutFactory(event=event, red_fighter=red, blue_fighter=blue)

    with pytest.raises(Invalid) as refused:
        services.link_unknown(unknown.pk, bout.pk, first_is="blue", actor=OPERATOR, expected_version=1)
    assert [error.field for error in refused.value.errors] == ["first_is"]
    assert (owners(), BoutExternalId.objects.count(), recorded()) == ({}, 0, [])

    services.link_unknown(unknown.pk, bout.pk, first_is="red", actor=OPERATOR, expected_version=1)
    assert owners() == {"91": names[0], "92": names[1]}


def test_a_known_spelling_contradicts_as_a_name_does(event: Event, unknown: UnknownBout) -> None:
    bout = BoutFactory(event=event, red_fighter=FighterFactory(), blue_fighter=FighterFactory())
    FighterAliasFactory(fighter=bout.blue_fighter, name="Bo Berg")

    with pytest.raises(Invalid):
        services.link_unknown(unknown.pk, bout.pk, first_is="blue", actor=OPERATOR, expected_version=1)

    assert owners() == {}


def test_of_two_who_are_called_alike_either_corner_is_right(event: Event) -> None:
    unknown = UnknownBoutFactory(event=event, athletes=[["91", "Bo Berg"], ["92", "Bo Berg"]])
    bout = BoutFactory(
        event=event, red_fighter=FighterFactory(name="Bo Berg"), blue_fighter=FighterFactory(name="Bo Berg")
    )

    services.link_unknown(unknown.pk, bout.pk, first_is="blue", actor=OPERATOR, expected_version=1)

    assert FighterExternalId.objects.get(external_id="91").fighter == bout.blue_fighter


def test_a_bout_that_somebody_else_settled_is_not_added_again(event: Event, unknown: UnknownBout) -> None:
    services.ignore_unknown(unknown.pk, actor=OPERATOR, expected_version=1)
    event.refresh_from_db()
    wanted = NewBout(red_fighter_id=FighterFactory().pk, blue_fighter_id=FighterFactory().pk)

    for version, error in ((1, PreconditionFailed), (2, Conflict)):
        with pytest.raises(error):
            services.add_bout(
                event.pk, wanted, actor=OPERATOR, expected_version=event.version,
                unknown_id=unknown.pk, unknown_version=version, first_is="red",
            )  # fmt: skip

    assert Bout.objects.count() == 0


# --- replacements ---------------------------------------------------------------------------------------------------
def replaced(bout: Bout, fighter_id: int) -> Bout:
    return services.replace_fighter(
        bout.pk, corner="red", fighter_id=fighter_id, reason="Injury", actor=OPERATOR, expected_version=bout.version
    )


def test_who_was_merged_or_stands_on_the_card_already_steps_in_for_nobody(event: Event) -> None:
    bout, other = BoutFactory(event=event), BoutFactory(event=event)
    merged = FighterFactory(merged_into=FighterFactory())

    for error, fighter_id in ((Invalid, merged.pk), (Invalid, 10**9), (Conflict, other.blue_fighter_id)):
        with pytest.raises(error):
            replaced(bout, fighter_id)

    red = bout.red_fighter_id
    bout.refresh_from_db()
    assert (bout.red_fighter_id, bout.version, bout.provenance, recorded()) == (red, 1, {}, [])


def test_who_stands_in_a_cancelled_bout_of_the_card_may_step_in(event: Event) -> None:
    cancelled = BoutFactory(event=event, state="cancelled")

    bout = replaced(BoutFactory(event=event), cancelled.red_fighter_id)

    assert bout.red_fighter_id == cancelled.red_fighter_id
