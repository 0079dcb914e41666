"""Lists that leave the house."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from apps.audit.enums import Action
from apps.audit.services import ResourceRef, record
from apps.core.actor import Actor


@transaction.atomic
def note_export(*, actor: Actor, file_format: str, filters: Mapping[str, Any]) -> None:
    """Write down who takes which orders along, before the first of them leaves.  No event, no file."""
    reference = ResourceRef("order", "", file_format)
    record(Action.EXPORTED, reference, actor=actor, data={"format": file_format, "filters": dict(filters)})
