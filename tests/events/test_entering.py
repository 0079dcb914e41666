"""Events entered and put right by hand: by whom, under which rules, and safe from importers."""

import datetime as dt

import pytest
from django.urls import reverse

from apps.audit.testing import recorded
from apps.core.actor import SYSTEM
from apps.core.errors import Conflict, Invalid, PreconditionFailed
from apps.events.models import Event
from apps.events.services import edit_event, enter_event
from apps.fighters.services import provenance
from tests.factories.events import EventFactory
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db

EVENING = dt.datetime(2026, 12, 5, 12, 0, tzinfo=dt.UTC)
SUBMITTED = {"_form_submitted": "on"}
SENT = {"org": "JCK", "name": "JCK 90", "starts_at": "2026-12-05T20:00", "venue": "成都"}


@pytest.fixture
def editor(client):
    client.force_login(UserFactory(role="editor"))
    return client


def trail():
    return [event["action"] for event in recorded() if event["resource_type"] == "event"]


def test_an_event_is_entered_in_the_zone_of_the_back_office(editor):
    answer = editor.post(reverse("admin:events_event_enter"), SUBMITTED | SENT)

    event = Event.objects.get()
    assert answer["HX-Redirect"]
    assert (event.org, event.name, event.starts_at, event.venue) == ("JCK", "JCK 90", EVENING, "成都")
    assert set(provenance.locked_fields(event)) == {"org", "name", "starts_at", "venue"}
    assert trail() == ["created"]


def test_it_is_in_the_public_list_at_once(client, django_capture_on_commit_callbacks):
    client.get("/api/v1/events")

    with django_capture_on_commit_callbacks(execute=True):
        enter_event(actor=SYSTEM, org="JCK", name="JCK 90", starts_at=EVENING)

    assert [item["name"] for item in client.get("/api/v1/events").json()["data"]["items"]] == ["JCK 90"]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": "  "}, "name"),
        ({"org": ""}, "org"),
        ({"poster_url": "javascript:alert(1)"}, "poster_url"),
        ({"promo_video_url": "ftp://a.example/"}, "promo_video_url"),
        ({"name": "jck 90"}, "name"),
    ],
)
def test_what_breaks_a_rule_enters_nothing(changed, field):
    EventFactory(org="jck", name="JCK 90", starts_at=EVENING + dt.timedelta(hours=2))
    given = {"org": "JCK", "name": "JCK 91", "starts_at": EVENING} | changed

    with pytest.raises((Invalid, Conflict)) as refusal:
        enter_event(actor=SYSTEM, **given)

    assert [error.field for error in refusal.value.errors] == [field]
    assert Event.objects.count() == 1
    assert trail() == []


def test_only_what_was_changed_is_locked(editor):
    event = EventFactory(org="UFC", name="UFC 400", starts_at=EVENING)
    sent = {**SENT, "org": "UFC", "name": "UFC 400", "venue": "Shanghai", "version": event.version}

    editor.post(reverse("admin:events_event_edit_details", args=[event.pk]), SUBMITTED | sent)

    event.refresh_from_db()
    assert (event.venue, event.version) == ("Shanghai", 2)
    assert set(provenance.locked_fields(event)) == {"venue"}
    assert trail() == ["updated"]


@pytest.mark.parametrize("version", ["", "7"])
def test_an_unseen_version_changes_nothing(editor, version):
    event = EventFactory(name="UFC 400", starts_at=EVENING)

    editor.post(reverse("admin:events_event_edit_details", args=[event.pk]), SUBMITTED | SENT | {"version": version})

    event.refresh_from_db()
    assert (event.name, event.version) == ("UFC 400", 1)
    assert trail() == []


def test_a_stale_version_is_said():
    event = EventFactory()

    with pytest.raises(PreconditionFailed):
        edit_event(event.pk, actor=SYSTEM, expected_version=3, venue="Macau")


def test_the_same_words_change_nothing():
    event = EventFactory()

    edit_event(event.pk, actor=SYSTEM, name=event.name, venue=event.venue)

    event.refresh_from_db()
    assert event.version == 1
    assert trail() == []


def test_whoever_only_looks_enters_nothing(client):
    client.force_login(UserFactory(role="auditor"))

    assert client.post(reverse("admin:events_event_enter"), SUBMITTED | SENT).status_code == 403
    assert not Event.objects.exists()
