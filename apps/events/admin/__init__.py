"""Events in the back-office, and the pages where people say who is who and bring files in."""

from apps.events.admin.events import BoutAdmin, EventAdmin
from apps.events.admin.identity import FighterMergeAdmin, UnmatchedNameAdmin
from apps.events.admin.imports import ImportRunAdmin

__all__ = ["BoutAdmin", "EventAdmin", "FighterMergeAdmin", "ImportRunAdmin", "UnmatchedNameAdmin"]
