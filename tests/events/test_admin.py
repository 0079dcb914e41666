"""Events and bouts in the back-office."""

import datetime as dt

import pytest
from django.urls import reverse

from tests.factories.events import BoutFactory, EventFactory
from tests.factories.fighters import FighterFactory
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def editor(client):
    client.force_login(UserFactory(role="editor"))
    return client


def test_number_of_bouts_links_to_exactly_these_bouts(editor):
    event = EventFactory(name="Shanghai")
    BoutFactory.create_batch(3, event=event)
    BoutFactory()
    address = f"{reverse('admin:events_bout_changelist')}?event__id__exact={event.pk}"

    assert address in editor.get(reverse("admin:events_event_changelist")).content.decode()

    assert editor.get(address).context["cl"].result_count == 3


def test_details_can_be_read(editor):
    bout = BoutFactory(method="Submission")

    for model, pk in (("event", bout.event_id), ("bout", bout.pk)):
        page = editor.get(reverse(f"admin:events_{model}_change", args=[pk])).content.decode()
        assert bout.event.name in page
        assert 'name="_save"' not in page


def test_a_fighters_page_tells_how_each_bout_ended(editor):
    fighter = FighterFactory(birth_date=dt.date(1990, 1, 1), height_mm=1753, reach_mm=1880, best_rank=0)
    won = {"result": "win", "winner_fighter": fighter, "method": "submission", "round": 4, "time_sec": 183}
    BoutFactory(red_fighter=fighter, state="official", **won)
    BoutFactory(red_fighter=fighter)

    shown = editor.get(reverse("admin:fighters_fighter_change", args=[fighter.pk])).content.decode()

    for text in ("降服 · R4 3:03", "待赛", "175 / 188", "冠军", "bjz-chip-success"):
        assert text in shown, text
