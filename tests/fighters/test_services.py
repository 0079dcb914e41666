"""Editing fighters by hand: locks, refusals, spellings, news, photos, audit."""

import datetime as dt

import pytest

from apps.audit.testing import recorded
from apps.core.actor import Actor, ActorKind
from apps.core.errors import Conflict, Invalid, NotFound, PreconditionFailed
from apps.fighters import services
from apps.fighters.models import Fighter, FighterNameKey
from apps.fighters.services import Tally, provenance
from apps.fighters.services.importing import Imported, upsert_fighters
from tests.factories.fighters import FighterFactory, RefusedChangeFactory

pytestmark = pytest.mark.django_db

EDITOR = Actor(ActorKind.USER, "7", "editor")


def trail():
    return [event for event in recorded() if event["resource_type"].startswith("fighter")]


def test_a_fighter_entered_by_hand_is_locked_found_and_audited():
    fighter = services.create_fighter(actor=EDITOR, name="  Zhang   Weili ", name_zh="张伟丽", country="China")

    assert (fighter.name, fighter.is_manual) == ("Zhang Weili", True)
    assert set(provenance.locked_fields(fighter)) == {"name", "name_zh", "country"}
    assert [hit.id for hit in Fighter.objects.search("zwl")] == [fighter.pk]
    assert [(event["action"], event["resource_id"]) for event in trail()] == [("created", str(fighter.pk))]


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"name": " - "}, "name"),
        ({"name": "A", "birth_date": dt.date(2999, 1, 1)}, "birth_date"),
        ({"name": "A", "stance": "crouching"}, "stance"),
        ({"name": "A" * 129}, "name"),
        ({"name": "A", "avatar_url": "javascript:alert(1)"}, "avatar_url"),
        ({"name": "A", "avatar_url": "/etc/passwd"}, "avatar_url"),
        ({"name": "A", "intro_video_url": "data:text/html,x"}, "intro_video_url"),
    ],
)
def test_what_is_no_fighter_is_refused(fields, wrong):
    with pytest.raises(Invalid) as refused:
        services.create_fighter(actor=EDITOR, **fields)

    assert refused.value.errors[0].field == wrong
    assert (Fighter.objects.count(), trail()) == (0, [])


def test_an_edit_locks_what_changed_and_nothing_else():
    fighter = FighterFactory(nickname="Magnum", provenance=provenance.whole("ufcstats"))

    edited = services.edit_fighter(fighter.pk, actor=EDITOR, name="Zhang Weili", nickname="Magnum", expected_version=1)

    assert provenance.locked_fields(edited) == {"name": "editor"}
    assert edited.version == 2
    assert trail()[-1]["changed_fields"] == ["name", "version"]


def test_an_edit_that_changes_nothing_writes_nothing():
    fighter = FighterFactory()

    services.edit_fighter(fighter.pk, actor=EDITOR, name=fighter.name)

    assert (Fighter.objects.get().version, trail()) == (1, [])


def test_stale_unknown_and_merged_fighters_are_not_edited():
    fighter = FighterFactory()
    merged = FighterFactory(merged_into=fighter)

    with pytest.raises(PreconditionFailed):
        services.edit_fighter(fighter.pk, actor=EDITOR, expected_version=4, name="X")
    with pytest.raises(NotFound):
        services.edit_fighter(0, actor=EDITOR, name="X")
    with pytest.raises(Conflict):
        services.edit_fighter(merged.pk, actor=EDITOR, name="X")
    with pytest.raises(TypeError):
        services.edit_fighter(fighter.pk, actor=EDITOR, wins=9)
    assert trail() == []


def test_an_import_does_not_overwrite_a_persons_edit_until_it_is_released():
    rows = [Imported("a" * 16, {"name": "Weili Zhang", "height_mm": 1600, "external_url": "http://u/a"})]
    upsert_fighters(rows, source="ufcstats")
    fighter = Fighter.objects.get()
    services.edit_fighter(fighter.pk, actor=EDITOR, name="Zhang Weili")

    outcome = upsert_fighters(rows, source="ufcstats")

    assert (outcome.changed, outcome.refused) == (0, 1)
    assert Fighter.objects.get().name == "Zhang Weili"
    services.release_fields(fighter.pk, ["name"], actor=EDITOR)
    assert upsert_fighters(rows, source="ufcstats").changed == 1
    assert Fighter.objects.get().name == "Weili Zhang"
    with pytest.raises(Invalid):
        services.release_fields(fighter.pk, ["name"], actor=EDITOR)


def test_a_refused_value_can_be_taken_over_once():
    fighter = FighterFactory(name="Zhang Weili", birth_date=dt.date(1989, 8, 13))
    change = RefusedChangeFactory(resource_id=fighter.pk, field="birth_date", kept="1989-08-13", offered="1990-08-13")

    services.take_refused(change.pk, actor=EDITOR)

    fighter.refresh_from_db()
    assert fighter.birth_date == dt.date(1990, 8, 13)
    assert provenance.is_locked(fighter, "birth_date")
    with pytest.raises(Conflict):
        services.take_refused(change.pk, actor=EDITOR)


def test_a_refused_value_of_something_else_is_not_taken_over_here():
    change = RefusedChangeFactory(resource_type="venue")

    with pytest.raises(Invalid):
        services.take_refused(change.pk, actor=EDITOR)
    change.refresh_from_db()
    assert change.status == "open"


def test_an_import_that_is_repeated_writes_nothing(django_assert_num_queries):
    rows = [
        Imported(
            f"{number:016x}",
            {"name": f"Fighter {number}", "weight_g": 70307, "external_url": f"http://u/{number:016x}"},
        )
        for number in range(5)
    ]
    first = upsert_fighters(rows, source="ufcstats")

    with django_assert_num_queries(2):
        again = upsert_fighters(rows, source="ufcstats")

    assert (first.added, again.added, again.changed, again.unchanged) == (5, 0, 0, 5)
    assert set(Fighter.objects.values_list("weight_class", flat=True)) == {"Lightweight"}


def test_who_was_renamed_is_found_by_both_names():
    upsert_fighters([Imported("a" * 16, {"name": "Patricio Freire"})], source="ufcstats")
    upsert_fighters([Imported("a" * 16, {"name": "Patricio Pitbull", "nickname": ""})], source="ufcstats")

    assert [hit.name for hit in Fighter.objects.search("freire")] == ["Patricio Pitbull"]
    assert Fighter.objects.count() == 1


def test_an_empty_value_of_a_source_erases_nothing():
    upsert_fighters([Imported("a" * 16, {"name": "A", "nickname": "Nick", "reach_mm": 1800})], source="ufcstats")
    outcome = upsert_fighters([Imported("a" * 16, {"name": "A", "nickname": "", "reach_mm": None})], source="ufcstats")

    assert outcome.unchanged == 1
    assert Fighter.objects.get().reach_mm == 1800


def test_spellings_are_added_once_and_removed():
    fighter = FighterFactory(name="Cristiane Justino")
    alias = services.add_alias(fighter.pk, " Cris  Cyborg ", actor=EDITOR)

    assert services.add_alias(fighter.pk, "CRIS CYBORG", actor=EDITOR) == alias
    assert [hit.id for hit in Fighter.objects.search("cyborg")] == [fighter.pk]
    services.remove_alias(fighter.pk, alias.pk, actor=EDITOR)
    assert Fighter.objects.search("cyborg") == []
    with pytest.raises(NotFound):
        services.remove_alias(fighter.pk, alias.pk, actor=EDITOR)
    with pytest.raises(Invalid):
        services.add_alias(fighter.pk, "!!", actor=EDITOR)


def test_news_and_photos():
    fighter = FighterFactory()
    update = services.add_update(fighter.pk, " Signed. ", actor=EDITOR)
    photo = services.add_media(fighter.pk, "https://x.example/1.jpg", actor=EDITOR, credit="Getty")

    assert (update.content, photo.credit) == ("Signed.", "Getty")
    with pytest.raises(Invalid):
        services.add_update(fighter.pk, " ", actor=EDITOR)
    with pytest.raises(Invalid):
        services.add_media(fighter.pk, "javascript:alert(1)", actor=EDITOR)
    services.remove_update(update.pk, actor=EDITOR)
    services.remove_media(photo.pk, actor=EDITOR)
    assert [event["action"] for event in trail()] == ["created", "created", "deleted", "deleted"]
    with pytest.raises(NotFound):
        services.remove_update(update.pk, actor=EDITOR)
    with pytest.raises(NotFound):
        services.remove_media(photo.pk, actor=EDITOR)


def test_records_follow_bouts_but_a_typed_one_without_bouts_stays():
    fought, typed, locked = FighterFactory(record=""), FighterFactory(record="19-1-1"), FighterFactory(record="")
    services.edit_fighter(locked.pk, actor=EDITOR, record="30-0-0")
    tally = Tally(wins=13, no_contests=1, last_bout_on=dt.date(2026, 8, 1))

    assert services.set_records({fought.pk: tally, typed.pk: Tally(), locked.pk: tally}) == 2
    assert services.set_records({fought.pk: tally, typed.pk: Tally(), locked.pk: tally}) == 0

    fought.refresh_from_db()
    typed.refresh_from_db()
    locked.refresh_from_db()
    assert (fought.record, fought.wins, fought.last_bout_on) == ("13-0-0, 1NC", 13, dt.date(2026, 8, 1))
    assert (typed.record, locked.record, locked.wins) == ("19-1-1", "30-0-0", 13)
    assert FighterNameKey.objects.filter(fighter=typed).count() == 0
