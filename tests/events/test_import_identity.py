"""To whom an import gives a bout when the name alone would be wrong: to nobody before a person has decided."""

import datetime as dt

import pytest

from apps.events.models import Bout
from apps.fighters.models import Fighter, UnmatchedName
from apps.fighters.services.identify import Candidate, Mention, NameIndex, is_rival
from tests.events import snapshots
from tests.events.snapshots import event, fight, fighter, load
from tests.factories.fighters import FighterFactory

pytestmark = pytest.mark.django_db

TWO, THREE = fighter("Bo Two", 2), fighter("Cy Three", 3, WEIGHT="185 lbs.")
NIGHT, NEXT = event("Night 1", 1), event("Night 2", 2, "August 08, 2026")
POUND = 453.59237
SUMMER = dt.date(2026, 8, 1)


@pytest.fixture
def snapshot(tmp_path):
    def make(events, fights, fighters):
        return snapshots.snapshot(tmp_path, events=events, fights=fights, fighters=fighters)

    return make


def test_the_only_bearer_of_a_name_who_can_not_have_fought_there_is_not_meant(snapshot):
    old_man = fighter("Jean Silva", 1, WEIGHT="265 lbs.", DOB="Jan 01, 1950")
    fights = [fight("Night 1", "Jean Silva", "Bo Two", 1, WEIGHTCLASS="Women's Strawweight Bout")]

    report = load(snapshot([NIGHT], fights, [old_man, fighter("Bo Two", 2, WEIGHT="115 lbs.")]))

    red = Bout.objects.get().red_fighter
    assert (red.is_unconfirmed, report.new_questions, report.ambiguous_names) == (True, 1, {"Jean Silva": 1})
    assert UnmatchedName.objects.get().cause == "ambiguous"
    assert Fighter.objects.get(name="Jean Silva", is_unconfirmed=False).record == ""
    assert load(snapshot([NIGHT], fights, [old_man, TWO])).new_questions == 0


@pytest.mark.parametrize(
    ("pounds", "born", "weight_class", "on", "is_meant"),
    [
        (155, 1995, "Lightweight", SUMMER, True),
        (None, None, "Lightweight", SUMMER, True),
        (155, 1995, "", SUMMER, True),
        (155, 1995, "Catchweight", SUMMER, True),
        (155, 1950, "Lightweight", SUMMER, False),
        (155, 1974, "Lightweight", SUMMER, True),
        (155, 2015, "Lightweight", SUMMER, False),
        # Two classes down, three up.
        (205, 1995, "Welterweight", SUMMER, True),
        (205, 1995, "Lightweight", SUMMER, False),
        (145, 1995, "Middleweight", SUMMER, True),
        (135, 1995, "Middleweight", SUMMER, False),
        (340, 1995, "Heavyweight", SUMMER, True),
        (340, 1995, "Middleweight", SUMMER, True),
        (115, 1995, "Women's Bantamweight", SUMMER, True),
        (185, 1995, "Women's Bantamweight", SUMMER, False),
        # The names of the classes meant other weights then.
        (210, 1967, "Lightweight", dt.date(1997, 5, 30), True),
    ],
)
def test_how_far_from_their_own_class_people_fight(pounds, born, weight_class, on, is_meant):
    who = FighterFactory(
        name="Al One",
        weight_class="",
        weight_g=round(pounds * POUND) if pounds else None,
        birth_date=dt.date(born, 1, 1) if born else None,
    )

    assert NameIndex().find(Mention("Al One", on, None, weight_class)) == (who.pk if is_meant else None)


def test_a_woman_is_not_meant_by_a_mens_bout():
    woman = FighterFactory(name="Al One", weight_class="Women's Bantamweight", weight_g=None, birth_date=None)
    index = NameIndex()

    assert index.find(Mention("Al One", SUMMER, 135, "Bantamweight")) is None
    assert index.find(Mention("Al One", SUMMER, 145, "Women's Featherweight")) == woman.pk
    assert index.find(Mention("Al One", SUMMER, None, "Catchweight")) == woman.pk


DAVIS = [fighter("Mike Davis", 21), fighter("Mike Davis", 22, WEIGHT="185 lbs.")]


def test_a_debut_at_catch_weight_is_told_by_the_opponents_weight(snapshot):
    fights = [
        fight("Night 1", "Mike Davis", "Bo Two", 11),
        fight("Night 2", "Mike Davis", "Cy Three", 12, WEIGHTCLASS="Catch Weight Bout"),
    ]

    report = load(snapshot([NIGHT, NEXT], fights, [*DAVIS, TWO, THREE]))

    records = Fighter.objects.filter(name="Mike Davis").order_by("weight_g").values_list("record", flat=True)
    assert (list(records), report.ambiguous_names) == (["1-0-0", "1-0-0"], {})


@pytest.mark.parametrize("weight_class", ["Catch Weight Bout", "Open Weight Bout"])
def test_who_has_been_fighting_is_not_meant_as_long_as_another_may_be(snapshot, weight_class):
    fights = [
        fight("Night 1", "Mike Davis", "Bo Two", 11),
        fight("Night 2", "Mike Davis", "Cy Three", 12, WEIGHTCLASS=weight_class),
    ]
    unknown = fighter("Cy Three", 3, WEIGHT="--")

    report = load(snapshot([NIGHT, NEXT], fights, [*DAVIS, TWO, unknown]))

    assert report.ambiguous_names == {"Mike Davis": 1}
    assert Fighter.objects.get(name="Mike Davis", weight_g=round(155 * POUND)).record == "1-0-0"
    assert Bout.objects.get(event__name="Night 2").red_fighter.is_unconfirmed


def test_who_is_no_rival_of_one_who_has_been_fighting():
    mention = Mention("Jean Silva", dt.date(2024, 7, 13), 155, "Lightweight")

    assert not is_rival(Candidate(1, round(160 * POUND), dt.date(1977, 10, 8)), mention)
    assert not is_rival(Candidate(1, None, None), mention)
    assert not is_rival(Candidate(1, round(205 * POUND), dt.date(1996, 1, 1)), mention)
    assert is_rival(Candidate(1, round(160 * POUND), dt.date(1996, 1, 1)), mention)
    assert is_rival(Candidate(1, round(160 * POUND), None), mention)
