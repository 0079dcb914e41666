"""Announced cards taken over from the live provider: once, without guessing who is who, never against a person."""

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest
from django.urls import reverse

from apps.audit.testing import recorded
from apps.core.actor import SYSTEM, Actor
from apps.core.errors import Conflict
from apps.events.clients.scoreboard import SOURCE, read_cards
from apps.events.models import Bout, BoutExternalId, Event, LiveFeed
from apps.events.services import adopt_card, edit_event, enter_event, request_cards
from apps.fighters.models import Fighter, FighterExternalId, RefusedChange, UnmatchedName
from apps.taskhub.models import Task
from apps.taskhub.testing import run_queued
from tests.core.http_server import answer, serving
from tests.factories.events import BoutFactory, EventFactory
from tests.factories.fighters import FighterFactory
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db

BODY = (Path(__file__).resolve().parents[1] / "fixtures" / "live" / "announced.json").read_bytes()
BEGINS = dt.datetime(2027, 3, 6, 10, 0, tzinfo=dt.UTC)
SUBMITTED = {"_form_submitted": "on"}


@pytest.fixture
def people():
    """Two that are known by name, two of one name."""
    FighterFactory.create_batch(2, name="Bruno Silva")
    return {name: FighterFactory(name=name) for name in ("Vlasto Cepo", "Wang Lei", "Lin Mei")}


def announced():
    [said] = read_cards(BODY)
    return said


def adopt():
    return adopt_card(announced(), source=SOURCE, actor=SYSTEM)


def card():
    rows = Bout.objects.order_by("sequence_no").select_related("red_fighter", "blue_fighter")
    return [(bout.red_fighter.name, bout.blue_fighter.name, bout.card_segment) for bout in rows]


def test_what_cannot_be_a_card_is_left_out():
    said = announced()

    assert (said.external_id, said.org, said.venue, said.begins) == (
        "880001", "JCK", "Fenghuang Hall, Chengdu, China", BEGINS,
    )  # fmt: skip
    assert [(one.external_id, one.weight_class, one.scheduled_rounds) for one in said.pairings] == [
        ("990001", "Middleweight", 5),
        ("990006", "", None),
        ("990003", "Lightweight", 3),
        ("990004", "Women's Strawweight", 3),
    ]
    assert said.pairings[0].red == ("11", "Vlasto Čepo")


def test_a_card_comes_in_with_the_main_bout_first_and_questions_for_the_desk(people):
    made = adopt()

    event = Event.objects.get()
    assert (made.is_new, made.bouts, made.questions) == (True, 3, 3)
    assert (event.org, event.name, event.status, event.starts_at) == (
        "JCK",
        "JCK 90: Čepo vs. Wang",
        "scheduled",
        BEGINS,
    )
    assert event.segments == {"main_card": "2027-03-06T12:00:00Z", "prelims": "2027-03-06T10:00:00Z"}
    assert card() == [
        ("Vlasto Cepo", "Wang Lei", "main_card"),
        ("Bruno Silva", "Jo Ortega", "prelims"),
        ("Lin Mei", "Nobody Knows", "prelims"),
    ]
    assert Bout.objects.get(sequence_no=1).red_fighter == people["Vlasto Cepo"]
    assert {(row.name, row.cause) for row in UnmatchedName.objects.all()} >= {
        ("Bruno Silva", "ambiguous"), ("Jo Ortega", "unknown"), ("Nobody Knows", "unknown"),
    }  # fmt: skip
    assert LiveFeed.objects.get().event == event
    assert [one["action"] for one in recorded() if one["resource_type"] == "bout"] == ["created"] * 3


def test_the_same_card_again_changes_nothing(people):
    adopt()
    before = [list(model.objects.order_by("pk").values()) for model in (Event, Bout, Fighter, UnmatchedName)]

    again = adopt()

    assert (again.is_new, again.bouts, again.questions) == (False, 0, 0)
    assert [list(model.objects.order_by("pk").values()) for model in (Event, Bout, Fighter, UnmatchedName)] == before


def test_an_athlete_whose_id_is_known_needs_no_name(people):
    renamed = FighterFactory(name="Somebody Else Entirely")
    FighterExternalId.objects.create(fighter=renamed, source=SOURCE, external_id="41")

    adopt()

    assert ("Lin Mei", "Somebody Else Entirely", "prelims") in card()
    assert not UnmatchedName.objects.filter(name="Nobody Knows").exists()


def test_an_event_entered_by_hand_is_found_and_a_persons_words_stay(people):
    entered = enter_event(
        actor=Actor.command("t"), org="jck", name="JCK 90 成都", starts_at=BEGINS + dt.timedelta(hours=3)
    )
    BoutFactory(event=entered, sequence_no=4, red_fighter=people["Wang Lei"], blue_fighter=people["Vlasto Cepo"])

    made = adopt()

    entered.refresh_from_db()
    assert (made.event_id, made.is_new, made.bouts) == (entered.pk, False, 2)
    assert entered.name == "JCK 90 成都"
    assert set(RefusedChange.objects.values_list("field", flat=True)) == {"name", "starts_at"}
    assert entered.venue == "Fenghuang Hall, Chengdu, China"
    assert BoutExternalId.objects.get(external_id="990001").bout.sequence_no == 4
    assert [bout.sequence_no for bout in Bout.objects.order_by("sequence_no")] == [4, 5, 6]


@pytest.mark.parametrize(("hour", "is_new"), [(0, False), (1, True)])
def test_an_event_of_which_files_know_the_day_only_is_found(people, hour, is_new):
    EventFactory(org="JCK", name="As the files call it", starts_at=dt.datetime(2027, 3, 6, hour, tzinfo=dt.UTC))
    said = replace(announced(), begins=dt.datetime(2027, 3, 6, 22, tzinfo=dt.UTC))

    assert adopt_card(said, source=SOURCE, actor=SYSTEM).is_new is is_new


def test_of_two_evenings_that_may_be_meant_none_is_taken(people):
    EventFactory(org="JCK", name="One", starts_at=BEGINS)
    EventFactory(org="JCK", name="Other", starts_at=BEGINS)

    assert adopt().is_new


def test_a_card_that_is_over_is_left_as_it_is(people):
    adopt()
    Bout.objects.all().delete()
    Event.objects.update(status="completed", name="Over")

    assert adopt().bouts == 0
    assert Event.objects.get().name == "Over"


def test_a_person_corrects_and_the_provider_does_not_take_it_back(people):
    adopt()
    edit_event(Event.objects.get().pk, actor=Actor.command("t"), venue="Elsewhere")

    adopt()

    assert Event.objects.get().venue == "Elsewhere"


def test_staff_ask_for_a_day_and_the_task_brings_it_in(client, people, settings):
    client.force_login(UserFactory(role="editor"))
    with serving() as server:
        settings.HTTP_ALLOWED_PRIVATE = server.allowed
        settings.LIVE_SCOREBOARD_URL = f"{server.origin}/board?dates={{date}}"
        server.answers["/board?dates=20270306"] = answer(BODY)

        client.post(reverse("admin:events_event_take_cards"), SUBMITTED | {"day": "2027-03-06"})
        run_queued()

    assert Event.objects.get().bouts.count() == 3
    assert Task.objects.get(name="events.take_cards").status == "success"


@pytest.mark.parametrize("address", ["", "http://provider.test/event/{event_id}"])
def test_a_provider_that_cannot_be_asked_by_day_is_not_asked(settings, address):
    settings.LIVE_SCOREBOARD_URL = address

    with pytest.raises(Conflict):
        request_cards(dt.date(2027, 3, 6), actor=SYSTEM)

    assert not Task.objects.exists()


def test_an_answer_that_is_none_brings_nothing_in(settings):
    with serving() as server:
        settings.HTTP_ALLOWED_PRIVATE = server.allowed
        settings.LIVE_SCOREBOARD_URL = f"{server.origin}/board"
        server.answers["/board"] = answer(b"<html>")
        request_cards(dt.date(2027, 3, 6), actor=SYSTEM)
        run_queued()

    assert not Event.objects.exists()
    assert Task.objects.get().status in {"dead", "fail"}
