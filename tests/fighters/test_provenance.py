"""Source and lock per field: a person's edit is never overwritten; what was refused is listed once."""

import datetime as dt

import pytest

from apps.audit.enums import Action
from apps.audit.testing import recorded
from apps.core.actor import Actor, ActorKind
from apps.core.errors import Conflict, NotFound
from apps.fighters.models import Fighter, RefusedChange
from apps.fighters.services import dismiss, provenance, refuse
from apps.fighters.services.provenance import Refused
from tests.factories.fighters import FighterFactory, RefusedChangeFactory

EDITOR = Actor(ActorKind.USER, "7", "editor")


def test_a_source_may_change_what_it_wrote_itself():
    fighter = Fighter(name="Weili Zhang", height_mm=1600, provenance=provenance.whole("ufcstats"))

    accepted, refused = provenance.split(fighter, {"name": "Weili Zhang", "height_mm": 1626}, source="ufcstats")

    assert (accepted, refused) == ({"height_mm": 1626}, [])


def test_a_locked_field_refuses_every_source_and_says_what_was_offered():
    fighter = Fighter(name="Zhang Weili", provenance=provenance.whole("ufcstats"))
    provenance.lock(fighter, ["name"], by="editor")

    accepted, refused = provenance.split(fighter, {"name": "Weili Zhang", "nickname": "Magnum"}, source="ufcstats")

    assert accepted == {"nickname": "Magnum"}
    assert refused == [Refused("name", "Zhang Weili", "Weili Zhang", "locked")]
    assert provenance.locked_fields(fighter) == {"name": "editor"}


def test_an_equal_value_needs_no_right():
    fighter = Fighter(name="Zhang Weili")
    provenance.lock(fighter, ["name"], by="editor")

    assert provenance.split(fighter, {"name": "Zhang Weili"}, source="ufcstats") == ({}, [])


def test_a_released_field_follows_its_source_again():
    fighter = Fighter(name="Zhang Weili", provenance=provenance.whole("ufcstats"))
    provenance.lock(fighter, ["name"], by="editor")
    provenance.release(fighter, ["name"])

    accepted, refused = provenance.split(fighter, {"name": "Weili Zhang"}, source="ufcstats")

    assert (accepted, refused) == ({"name": "Weili Zhang"}, [])


def test_a_source_of_lower_rank_does_not_overwrite_a_better_one():
    ranks = {"official": 2, "fans": 1}
    fighter = Fighter(height_mm=1626)
    provenance.write(fighter, {"height_mm": 1626}, source="official")

    assert provenance.split(fighter, {"height_mm": 1650}, source="fans", ranks=ranks)[1][0].reason == "outranked"
    assert provenance.split(fighter, {"height_mm": 1650}, source="official", ranks=ranks)[0] == {"height_mm": 1650}


def test_writing_notes_only_what_differs_from_the_rows_own_source():
    fighter = Fighter(provenance=provenance.whole("ufcstats"))

    provenance.write(fighter, {"nickname": "Magnum"}, source="ufcstats")
    assert fighter.provenance == provenance.whole("ufcstats")
    provenance.write(fighter, {"nickname": "The Magnum"}, source="espn")
    assert provenance.source_of(fighter, "nickname") == "espn"
    assert provenance.source_of(fighter, "name") == "ufcstats"


@pytest.mark.django_db
def test_the_same_offer_is_listed_once_however_often_it_comes():
    fighter = FighterFactory()
    offer = Refused("birth_date", dt.date(1989, 8, 13), dt.date(1990, 8, 13), "locked")

    assert refuse("fighter", [(fighter.pk, offer)], source="ufcstats") == 1
    assert refuse("fighter", [(fighter.pk, offer)], source="ufcstats") == 0
    row = RefusedChange.objects.get()
    assert (row.kept, row.offered, row.status) == ("1989-08-13", "1990-08-13", "open")


@pytest.mark.django_db
def test_another_value_is_another_offer():
    fighter = FighterFactory()
    refuse("fighter", [(fighter.pk, Refused("name", "A", "B", "locked"))], source="ufcstats")

    assert refuse("fighter", [(fighter.pk, Refused("name", "A", "C", "locked"))], source="ufcstats") == 1


@pytest.mark.django_db
def test_a_dismissed_offer_stays_dismissed_and_is_audited():
    change = RefusedChangeFactory()
    offer = Refused(change.field, change.kept, change.offered, "locked")

    dismissed = dismiss(change.pk, actor=EDITOR)

    assert (dismissed.status, dismissed.decided_by) == ("dismissed", "editor")
    event = recorded()[-1]
    assert (event["action"], event["resource_type"]) == (Action.UPDATED, "refused_change")
    with pytest.raises(Conflict):
        dismiss(change.pk, actor=EDITOR)
    with pytest.raises(NotFound):
        dismiss(change.pk + 1, actor=EDITOR)
    assert offer.field == "name"
