"""Editing fighters by hand: what a person writes is locked against every source until it is released."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.audit.enums import Action
from apps.audit.services import record, reference, snapshot
from apps.core.actor import Actor
from apps.core.db import locked
from apps.core.errors import Conflict, FieldError, Invalid, NotFound, PreconditionFailed, worded
from apps.fighters.cache import forget_fighters
from apps.fighters.models import Fighter, FighterAlias, FighterMedia, FighterUpdate, RefusedChange
from apps.fighters.name_keys import fold
from apps.fighters.registry import offer_takers
from apps.fighters.services import provenance
from apps.fighters.services.keys import write_keys
from apps.fighters.services.refusals import decide

EDITABLE_FIELDS = (
    "name", "name_zh", "nickname", "country", "weight_class", "weight_g", "height_mm", "reach_mm", "stance",
    "birth_date", "record", "avatar_url", "intro_video_url", "stats", "records",
)  # fmt: skip
# What the search keys are made of.
NAMING_FIELDS = frozenset({"name", "name_zh", "nickname"})
MOST_ALIASES = 50
_ADDRESSES = ("avatar_url", "intro_video_url")


@transaction.atomic
def create_fighter(*, actor: Actor, **fields: Any) -> Fighter:
    """Enter a fighter by hand.  Every given value is locked.  Raises Invalid."""
    fighter = Fighter(is_manual=True, **_known(fields))
    provenance.lock(fighter, [name for name, value in fields.items() if value not in ("", None)], by=actor.label)
    _check(fighter)
    fighter.save(force_insert=True)
    record(Action.CREATED, fighter, actor=actor, new=snapshot(fighter))
    write_keys([fighter.pk])
    forget_fighters([fighter.pk])
    return fighter


@transaction.atomic
def edit_fighter(fighter_id: int, *, actor: Actor, expected_version: int | None = None, **fields: Any) -> Fighter:
    """Change named fields and lock those that changed.  Raises NotFound, Invalid, Conflict for a merged fighter,
    PreconditionFailed for a stale version."""
    fighter = locked_fighter(fighter_id, expected_version)
    before = snapshot(fighter)
    changed = [name for name, value in _known(fields).items() if getattr(fighter, name) != value]
    if not changed:
        return fighter
    for name in changed:
        setattr(fighter, name, fields[name])
    _check(fighter)
    provenance.lock(fighter, changed, by=actor.label)
    _save(fighter, changed)
    record(Action.UPDATED, fighter, actor=actor, old=before, new=snapshot(fighter), data={"locked": changed})
    if NAMING_FIELDS & set(changed):
        write_keys([fighter.pk])
    forget_fighters([fighter.pk])
    return fighter


@transaction.atomic
def release_fields(fighter_id: int, fields: list[str], *, actor: Actor) -> Fighter:
    """Let the sources write these fields again.  Raises NotFound, Invalid for a field that is not locked."""
    fighter = locked_fighter(fighter_id)
    held = provenance.locked_fields(fighter)
    if not fields or set(fields) - set(held):
        raise Invalid(_("Choose fields that are locked."))
    before = snapshot(fighter)
    provenance.release(fighter, fields)
    _save(fighter, [])
    record(Action.UPDATED, fighter, actor=actor, old=before, new=snapshot(fighter), data={"released": sorted(fields)})
    return fighter


@transaction.atomic
def take_refused(change_id: int, *, actor: Actor) -> None:
    """Write the value that a source offered after all.  It stays locked: a person chose it.

    What belongs to higher apps they carry out (``registry.register_offer_taker``).  Raises NotFound, Conflict when it
    was decided already, Invalid for what nobody can take over.
    """
    change = decide(change_id, RefusedChange.Status.TAKEN, actor=actor)
    taker = offer_takers().get(change.resource_type)
    if taker is not None:
        taker(change, actor=actor)
        return
    if change.resource_type != "fighter" or change.field not in EDITABLE_FIELDS:
        raise Invalid(_("This change is taken over on the page of what it belongs to."))
    field: Any = Fighter._meta.get_field(change.field)
    edit_fighter(change.resource_id, actor=actor, **{change.field: field.to_python(change.offered)})


@transaction.atomic
def add_alias(fighter_id: int, name: str, *, actor: Actor, source: str = provenance.MANUAL) -> FighterAlias:
    """Another spelling under which the fighter is found and which importers take for them.

    The same spelling may belong to two fighters; importers then ask a person.  Raises NotFound, Invalid, Conflict.
    """
    fighter = locked_fighter(fighter_id)
    name = " ".join(name.split())
    if not fold(name) or len(name) > 128:
        raise _invalid("name", _("Enter a name of at most 128 characters."))
    if fighter.aliases.count() >= MOST_ALIASES:
        raise Conflict(_("A fighter has at most 50 other spellings."))
    alias, is_new = FighterAlias.objects.get_or_create(
        fighter=fighter, name_key=fold(name), defaults={"name": name, "source": source}
    )
    if is_new:
        record(Action.UPDATED, fighter, actor=actor, old={}, new={}, data={"alias_added": name})
        write_keys([fighter.pk])
        forget_fighters([fighter.pk])
    return alias


@transaction.atomic
def remove_alias(fighter_id: int, alias_id: int, *, actor: Actor) -> None:
    """Raises NotFound."""
    fighter = locked_fighter(fighter_id)
    alias = fighter.aliases.filter(pk=alias_id).first()
    if alias is None:
        raise NotFound(_("There is no such spelling."))
    alias.delete()
    record(Action.UPDATED, fighter, actor=actor, old={}, new={}, data={"alias_removed": alias.name})
    write_keys([fighter.pk])
    forget_fighters([fighter.pk])


@transaction.atomic
def add_update(fighter_id: int, content: str, *, actor: Actor, published_at: Any = None) -> FighterUpdate:
    """A short piece of news about a fighter.  Raises NotFound, Invalid."""
    fighter = locked_fighter(fighter_id)
    content = content.strip()
    if not content or len(content) > 5000:
        raise _invalid("content", _("Write between 1 and 5000 characters."))
    update = FighterUpdate.objects.create(fighter=fighter, content=content, published_at=published_at or timezone.now())
    record(Action.CREATED, update, actor=actor, new=snapshot(update))
    forget_fighters([fighter.pk])
    return update


@transaction.atomic
def remove_update(update_id: int, *, actor: Actor, reason: str = "") -> None:
    """Raises NotFound."""
    update = locked(FighterUpdate.objects.filter(pk=update_id)).first()
    if update is None:
        raise NotFound(_("There is no such update."))
    before, about = snapshot(update), reference(update)
    fighter_id = update.fighter_id
    update.delete()
    record(Action.DELETED, about, actor=actor, old=before, reason=reason)
    forget_fighters([fighter_id])


@transaction.atomic
def add_media(fighter_id: int, url: str, *, actor: Actor, caption: str = "", credit: str = "") -> FighterMedia:
    """A photo by its address.  Raises NotFound, Invalid for anything but http(s)."""
    fighter = locked_fighter(fighter_id)
    if not url.startswith(("https://", "http://")) or len(url) > 512:
        raise _invalid("url", _("Enter an http or https address of at most 512 characters."))
    photo = FighterMedia.objects.create(fighter=fighter, url=url, caption=caption[:255], credit=credit[:128])
    record(Action.CREATED, photo, actor=actor, new=snapshot(photo))
    forget_fighters([fighter.pk])
    return photo


@transaction.atomic
def remove_media(media_id: int, *, actor: Actor) -> None:
    """Raises NotFound."""
    photo = locked(FighterMedia.objects.filter(pk=media_id)).first()
    if photo is None:
        raise NotFound(_("There is no such photo."))
    before, about = snapshot(photo), reference(photo)
    fighter_id = photo.fighter_id
    photo.delete()
    record(Action.DELETED, about, actor=actor, old=before)
    forget_fighters([fighter_id])


def locked_fighter(fighter_id: int, expected_version: int | None = None) -> Fighter:
    """The row, locked, as one that may be changed.  Raises NotFound, Conflict when merged, PreconditionFailed."""
    fighter = locked(Fighter.objects.filter(pk=fighter_id)).first()
    if fighter is None:
        raise NotFound(_("There is no such fighter."))
    if fighter.merged_into_id is not None:
        raise Conflict(
            worded(_("This fighter was merged into number %(number)s."), number=fighter.merged_into_id),
            merged_into=fighter.merged_into_id,
        )
    if expected_version is not None and expected_version != fighter.version:
        raise PreconditionFailed(
            worded(_("Fighter %(number)s was edited in the meantime: look at it again."), number=fighter.pk),
            version=fighter.version,
        )
    return fighter


def _save(fighter: Fighter, changed: list[str]) -> None:
    fighter.version += 1
    fighter.save(update_fields=[*changed, "provenance", "version", "updated_at"])


def _known(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    unknown = fields.keys() - set(EDITABLE_FIELDS)
    if unknown:
        raise TypeError(f"a fighter has no editable field {sorted(unknown)}")
    return fields


def _check(fighter: Fighter) -> None:
    fighter.name = " ".join(fighter.name.split())
    if not fold(fighter.name):
        raise _invalid("name", _("A fighter needs a name."))
    if fighter.birth_date and fighter.birth_date > timezone.localdate():
        raise _invalid("birth_date", _("The date of birth lies in the future."))
    for name in _ADDRESSES:
        _require_web_address(name, getattr(fighter, name))
    try:
        fighter.clean_fields(exclude=["merged_into"])
    except ValidationError as error:
        raise Invalid(
            errors=[FieldError(name, "invalid", " ".join(sentences)) for name, sentences in error.message_dict.items()]
        ) from error


def _require_web_address(field: str, url: str) -> None:
    """Readers' pages put it into ``src`` and ``href``: nothing that runs a script, nothing of this machine."""
    if url and not url.startswith(("https://", "http://")):
        raise _invalid(field, _("Enter an http or https address of at most 512 characters."))


def _invalid(field: str, detail: Any) -> Invalid:
    return Invalid(detail, errors=[FieldError(field, "invalid", detail)])
