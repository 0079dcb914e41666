"""What may be done to fighters.  Events build upon ``provenance``, ``refuse``, ``set_records`` and ``forget``."""

from apps.fighters.cache import forget_fighters, forget_profiles
from apps.fighters.services import provenance
from apps.fighters.services.external_ids import keep_ids
from apps.fighters.services.fighters import (
    EDITABLE_FIELDS,
    add_alias,
    add_media,
    add_update,
    create_fighter,
    edit_fighter,
    release_fields,
    remove_alias,
    remove_media,
    remove_update,
    take_refused,
)
from apps.fighters.services.keys import write_keys
from apps.fighters.services.known_ids import claim_ids, release_ids
from apps.fighters.services.records import Tally, set_records
from apps.fighters.services.refusals import dismiss, refuse

__all__ = [
    "EDITABLE_FIELDS",
    "Tally",
    "add_alias",
    "add_media",
    "add_update",
    "claim_ids",
    "create_fighter",
    "dismiss",
    "edit_fighter",
    "forget_fighters",
    "forget_profiles",
    "keep_ids",
    "provenance",
    "refuse",
    "release_fields",
    "release_ids",
    "remove_alias",
    "remove_media",
    "remove_update",
    "set_records",
    "take_refused",
    "write_keys",
]
