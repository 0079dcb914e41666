"""Fighters in the back-office: found as readers find them, edited through services, told who changed what."""

import pytest
from django.urls import reverse

from apps.core.actor import Actor, ActorKind
from apps.fighters import services
from apps.fighters.models import Fighter, FighterUpdate, RefusedChange
from apps.fighters.services import edit_fighter, provenance, write_keys
from tests.factories.fighters import (
    FighterAliasFactory,
    FighterFactory,
    FighterMediaFactory,
    FighterUpdateFactory,
    RankingFactory,
    RefusedChangeFactory,
)
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db

EDITOR = Actor(ActorKind.USER, "7", "editor")


@pytest.fixture
def editor(client):
    client.force_login(UserFactory(role="editor"))
    return client


@pytest.fixture
def auditor(client):
    client.force_login(UserFactory(role="auditor"))
    return client


def page(fighter):
    return reverse("admin:fighters_fighter_change", args=[fighter.pk])


def known(**fields):
    fighter = FighterFactory(**fields)
    write_keys([fighter.pk])
    return fighter


@pytest.mark.parametrize(
    ("query", "found"),
    [("Zhang", True), ("伟丽", True), ("zwl", True), ("Magnum", True), ("Rose", False), ("%", False)],
)
def test_search_finds_as_readers_do(editor, query, found):
    known(name="Zhang Weili", name_zh="张伟丽", nickname="Magnum")

    shown = editor.get(reverse("admin:fighters_fighter_changelist"), {"q": query}).content.decode()

    assert ("Zhang Weili" in shown) is found


def test_a_page_shows_everything_that_is_known(editor):
    fighter = known(stats={"knockouts": 11}, external_url="https://x.example/1")
    FighterUpdateFactory(fighter=fighter, content="Signed for spring.")
    FighterMediaFactory(fighter=fighter, caption="At the weigh-in")
    FighterAliasFactory(fighter=fighter, name="Otherwise Spelt", name_key="otherwisespelt")
    RankingFactory(fighter=fighter, division="Strawweight", place=3)
    edit_fighter(fighter.pk, actor=EDITOR, country="Japan")

    shown = editor.get(page(fighter)).content.decode()

    for text in (
        "knockouts",
        "https://x.example/1",
        "Signed for spring.",
        "At the weigh-in",
        "Otherwise Spelt",
        "#3",
        "(editor)",
    ):
        assert text in shown, text


def form_of(fighter, **changes):
    fields = ("name", "name_zh", "nickname", "country", "weight_class", "stance", "birth_date", "weight_g", "height_mm",
              "reach_mm", "record", "avatar_url", "intro_video_url")  # fmt: skip
    version = {"seen_version": fighter.version} if fighter.pk else {}
    return {name: getattr(fighter, name) or "" for name in fields} | version | changes


def test_an_edit_goes_through_the_service_and_locks(editor):
    fighter = known(provenance=provenance.whole("ufcstats"))

    answer = editor.post(page(fighter), form_of(fighter, name_zh="新名"))

    fighter.refresh_from_db()
    assert (answer.status_code, fighter.name_zh) == (302, "新名")
    assert list(provenance.locked_fields(fighter)) == ["name_zh"]


def test_a_refused_edit_shows_why_and_keeps_what_was_typed(editor):
    fighter = known(name="Zhang Weili")

    shown = editor.post(page(fighter), form_of(fighter, name=" - ", nickname="Typed")).content.decode()

    fighter.refresh_from_db()
    assert "Typed" in shown
    assert fighter.name == "Zhang Weili"


def test_an_edit_of_an_older_version_is_refused_and_overwrites_nothing(editor):
    fighter = known(name="Zhang Weili", country="China")
    stale = form_of(fighter, nickname="Magnum")
    edit_fighter(fighter.pk, actor=EDITOR, country="Japan")

    answer = editor.post(page(fighter), stale)

    fighter.refresh_from_db()
    assert answer.status_code == 200
    assert f"选手 {fighter.pk} 刚刚被修改过" in answer.content.decode()
    assert (fighter.country, fighter.nickname, fighter.version) == ("Japan", "", 2)
    without = {name: value for name, value in form_of(fighter).items() if name != "seen_version"}
    assert editor.post(page(fighter), without).status_code == 200
    assert f'name="seen_version" value="{fighter.version}"' in editor.get(page(fighter)).content.decode()


def test_the_page_of_a_merged_fighter_leads_to_the_survivor(editor):
    survivor = known(name="Zhang Weili")
    merged = known(name="Weili Z.", merged_into=survivor)

    answer = editor.get(page(merged), follow=True)

    assert answer.redirect_chain == [(page(survivor), 302)]
    assert "Weili Z." in answer.content.decode()
    gone = editor.get(reverse("admin:fighters_fighter_change", args=[99_999]))
    assert (gone.status_code, gone.headers["Location"]) == (302, reverse("admin:index"))
    assert editor.get("/admin/fighters/fighter/99999999999999999999999/change/").status_code == 302


def test_a_fighter_is_entered_by_hand(editor):
    answer = editor.post(reverse("admin:fighters_fighter_add"), form_of(Fighter(), name="New Person"))

    assert answer.status_code == 302
    assert Fighter.objects.get().is_manual


def test_an_auditor_reads_but_does_not_edit(auditor):
    fighter = known()

    assert 'name="_save"' not in auditor.get(page(fighter)).content.decode()
    assert auditor.post(page(fighter), form_of(fighter, name="X")).status_code == 403
    assert auditor.get(reverse("admin:fighters_fighter_add")).status_code == 403


def dialog(client, model, action, obj, **sent):
    address = reverse(f"admin:fighters_{model}_{action}", args=[obj.pk])
    answer = client.post(address, {"_form_submitted": "on", **sent}, headers={"HX-Request": "true"})
    assert "HX-Redirect" in answer.headers, answer.content.decode()
    return answer


def test_news_photos_spellings_and_releases_by_dialog(editor):
    fighter = known(name="Zhang Weili")
    edit_fighter(fighter.pk, actor=EDITOR, name="Weili Z.")

    dialog(editor, "fighter", "add_update", fighter, content="Signed.")
    dialog(editor, "fighter", "add_photo", fighter, url="https://x.example/1.jpg")
    dialog(editor, "fighter", "add_spelling", fighter, name="Magnum Zhang")
    dialog(editor, "fighter", "release", fighter, field="name")

    fighter.refresh_from_db()
    assert (fighter.updates.count(), fighter.media.count(), fighter.aliases.get().name) == (1, 1, "Magnum Zhang")
    assert provenance.locked_fields(fighter) == {}
    dialog(editor, "fighterupdate", "remove", fighter.updates.get())
    assert FighterUpdate.objects.count() == 0


def test_refused_changes_are_taken_or_dismissed(editor):
    fighter = known(country="China")
    taken = RefusedChangeFactory(resource_id=fighter.pk, field="country", offered="Japan")
    kept = RefusedChangeFactory(resource_id=fighter.pk, field="nickname", offered="X")

    dialog(editor, "refusedchange", "take", taken)
    dialog(editor, "refusedchange", "dismiss", kept)

    fighter.refresh_from_db()
    assert fighter.country == "Japan"
    assert sorted(RefusedChange.objects.values_list("status", flat=True)) == ["dismissed", "taken"]


def test_a_wrong_spelling_and_a_wrong_photo_are_removed(editor):
    fighter = known(name="Zhang Weili", name_zh="")
    wrong, right = (services.add_alias(fighter.pk, name, actor=EDITOR) for name in ("Rose Namajunas", "Z. Weili"))
    photo, other = FighterMediaFactory(fighter=fighter), FighterMediaFactory(fighter=fighter)
    assert Fighter.objects.search("rose namajunas")

    dialog(editor, "fighter", "remove_spelling", fighter, alias=wrong.pk)
    dialog(editor, "fighter", "remove_photo", fighter, photo=photo.pk)

    assert (list(fighter.aliases.all()), list(fighter.media.all())) == ([right], [other])
    assert Fighter.objects.search("rose namajunas") == []


def test_only_what_is_the_fighters_own_is_removed(editor):
    fighter, foreign = known(), FighterFactory()
    alias, photo = FighterAliasFactory(fighter=foreign), FighterMediaFactory(fighter=foreign)
    for action, sent in (("remove_spelling", {"alias": alias.pk}), ("remove_photo", {"photo": photo.pk})):
        address = reverse(f"admin:fighters_fighter_{action}", args=[fighter.pk])
        answer = editor.post(address, {"_form_submitted": "on", **sent}, headers={"HX-Request": "true"})
        assert "HX-Redirect" not in answer.headers

    assert (foreign.aliases.count(), foreign.media.count()) == (1, 1)


def test_who_may_only_look_removes_nothing(auditor):
    alias, photo = FighterAliasFactory(), FighterMediaFactory()
    for action, fighter in (("remove_spelling", alias.fighter), ("remove_photo", photo.fighter)):
        address = reverse(f"admin:fighters_fighter_{action}", args=[fighter.pk])
        assert auditor.post(address, {"alias": alias.pk, "photo": photo.pk}).status_code == 403

    assert (alias.fighter.aliases.count(), photo.fighter.media.count()) == (1, 1)
