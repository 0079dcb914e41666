"""Tables of the fighters app, by subject."""

from apps.fighters.models.fighters import Fighter, FighterMedia, FighterUpdate
from apps.fighters.models.identity import (
    DistinctPair,
    FighterAlias,
    FighterExternalId,
    FighterMerge,
    FighterNameKey,
    UnmatchedName,
)
from apps.fighters.models.imports import ImportFilePart, ImportRun
from apps.fighters.models.rankings import Ranking
from apps.fighters.models.refusals import RefusedChange

__all__ = [
    "DistinctPair",
    "Fighter",
    "FighterAlias",
    "FighterExternalId",
    "FighterMedia",
    "FighterMerge",
    "FighterNameKey",
    "FighterUpdate",
    "ImportFilePart",
    "ImportRun",
    "Ranking",
    "RefusedChange",
    "UnmatchedName",
]
