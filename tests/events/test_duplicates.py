"""One fight that stands on a card twice: put aside by a person, out of records and cards, and back again."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.audit.testing import recorded
from apps.core.actor import Actor, ActorKind
from apps.core.errors import AppError, Invalid
from apps.events import services
from apps.events.cache.reading import load_event_card
from apps.events.errors import BoutChanged, MoveNotAllowed, NoSuchBout
from apps.events.models import Bout
from apps.events.services.profile import past_bouts
from apps.events.services.records import recompute_records
from apps.fighters.models import Fighter
from tests.events import snapshots
from tests.factories.events import BoutFactory
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db
ANN = Actor(ActorKind.USER, "1", "ann")


@pytest.fixture
def editor(client: Client) -> Client:
    client.force_login(UserFactory(role="editor"))
    return client


@pytest.fixture
def pair() -> tuple[Bout, Bout]:
    first = BoutFactory(sequence_no=1)
    second = BoutFactory(
        event=first.event, sequence_no=2, red_fighter=first.blue_fighter, blue_fighter=first.red_fighter
    )
    Bout.objects.update(result="win", winner_fighter=first.red_fighter, state="official", decided_at=timezone.now())
    recompute_records([first.red_fighter_id, first.blue_fighter_id])
    first.refresh_from_db()
    second.refresh_from_db()
    return first, second


def void(bout: Bout, of: Bout, reason: str = "Two addresses", version: int | None = None) -> Bout:
    return services.void_duplicate(
        bout.pk, of=of.pk, reason=reason, actor=ANN, expected_version=version or bout.version
    )


def record_of(bout: Bout) -> str:
    return Fighter.objects.get(pk=bout.winner_fighter_id).record


def test_a_duplicate_counts_nowhere_and_comes_back_as_it_was(pair: tuple[Bout, Bout]) -> None:
    kept, double = pair
    assert record_of(kept) == "2-0-0"

    double = void(double, kept)

    assert (double.state, double.duplicate_of, double.cancel_reason) == ("cancelled", kept, "Two addresses")
    assert record_of(kept) == "1-0-0"
    assert [one["id"] for one in load_event_card(kept.event_id)["bouts"]] == [kept.pk]
    assert [one["id"] for one in past_bouts(kept.red_fighter_id)] == [kept.pk]

    back = services.restore_duplicate(double.pk, actor=ANN, expected_version=double.version)

    assert (back.state, back.result, back.duplicate_of_id, back.cancel_reason) == ("official", "win", None, "")
    assert (record_of(kept), back.is_manual) == ("2-0-0", False)
    told = [(event["action"], event.get("reason", "")) for event in recorded() if event["resource_type"] == "bout"]
    assert told == [("retracted", "Two addresses"), ("restored", "")]
    assert [revision.new.get("duplicate_of_id") for revision in back.revisions.newest_first()] == [None, kept.pk]


def test_the_next_import_neither_revives_nor_doubles_it(tmp_path: Any) -> None:
    people = [snapshots.fighter("Al One", 1), snapshots.fighter("Bo Two", 2)]
    fights = [snapshots.fight("Night 1", "Al One", "Bo Two", number) for number in (1, 2)]
    fights[1]["OUTCOME"] = "NC/NC"
    folder = snapshots.snapshot(tmp_path, events=[snapshots.event("Night 1", 1)], fights=fights, fighters=people)
    snapshots.load(folder)
    kept, double = Bout.objects.order_by("sequence_no")
    void(double, kept)

    assert snapshots.load(folder).changes == 0
    fights[1]["OUTCOME"] = "L/W"
    folder = snapshots.snapshot(tmp_path, events=[snapshots.event("Night 1", 1)], fights=fights, fighters=people)
    report = snapshots.load(folder)

    double.refresh_from_db()
    assert (report.changes, double.state, double.result, record_of(kept)) == (0, "cancelled", "no_contest", "1-0-0")


def test_what_is_refused(pair: tuple[Bout, Bout]) -> None:
    kept, double = pair
    other = BoutFactory(event=kept.event, sequence_no=3)
    elsewhere = BoutFactory(red_fighter=kept.red_fighter, blue_fighter=kept.blue_fighter)
    refusals: list[tuple[Any, type[AppError]]] = [
        (lambda: void(double, other), Invalid),
        (lambda: void(double, double), Invalid),
        (lambda: void(double, elsewhere), NoSuchBout),
        (lambda: void(double, kept, reason=" "), Invalid),
        (lambda: void(double, kept, version=99), BoutChanged),
        (lambda: services.restore_duplicate(double.pk, actor=ANN, expected_version=1), MoveNotAllowed),
    ]
    for deed, error in refusals:
        with pytest.raises(error):
            deed()
    assert not Bout.objects.filter(duplicate_of__isnull=False).exists()
    assert [event for event in recorded() if event["resource_type"] == "bout"] == []

    double = void(double, kept)
    for deed in (
        lambda: void(kept, double),
        lambda: void(double, kept),
        lambda: services.restore_bout(double.pk, actor=ANN, expected_version=double.version),
        lambda: services.release_bout(double.pk, actor=ANN, expected_version=double.version),
    ):
        with pytest.raises(MoveNotAllowed):
            deed()


def test_the_editor_offers_it_where_two_people_meet_twice(editor: Client, pair: tuple[Bout, Bout]) -> None:
    kept, double = pair
    page = reverse("admin:events_event_editor", args=[kept.event_id])
    act = reverse("admin:events_event_editor_act", args=[kept.event_id])
    assert editor.get(page).content.count(b'data-form="void"') == 2

    sent = {"bout": double.pk, "version": double.version, "reason": "Two addresses"}
    assert editor.post(act, {"deed": "void", **sent}).status_code == 400
    assert editor.post(act, {"deed": "void", "of": kept.pk, **sent}).status_code == 200
    double.refresh_from_db()
    shown = editor.get(page).content
    assert (shown.count(b'data-form="void"'), shown.count(b'data-deed="unvoid"')) == (0, 1)
    assert shown.count(b'data-deed="restore"') == 0
    assert editor.post(act, {"deed": "unvoid", "bout": double.pk, "version": double.version}).status_code == 200
    double.refresh_from_db()
    assert (double.duplicate_of_id, double.state) == (None, "official")
