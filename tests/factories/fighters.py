from __future__ import annotations

import datetime as dt

import factory
from django.utils import timezone
from factory.django import DjangoModelFactory

from apps.fighters.models import (
    Fighter,
    FighterAlias,
    FighterExternalId,
    FighterMedia,
    FighterMerge,
    FighterUpdate,
    ImportRun,
    Ranking,
    RefusedChange,
    UnmatchedName,
)


class FighterFactory(DjangoModelFactory[Fighter]):
    """``indexed=True`` also writes the keys by which a search finds the fighter."""

    class Meta:
        model = Fighter
        skip_postgeneration_save = True

    name = factory.Sequence(lambda number: f"Fighter {number}")
    name_zh = factory.Sequence(lambda number: f"选手{number}")
    country = "China"
    weight_class = "Strawweight"
    record = "19-1-1"


class FighterUpdateFactory(DjangoModelFactory[FighterUpdate]):
    class Meta:
        model = FighterUpdate

    fighter = factory.SubFactory(FighterFactory)
    content = "Signed for the next event."
    published_at = factory.LazyFunction(timezone.now)


class FighterMediaFactory(DjangoModelFactory[FighterMedia]):
    class Meta:
        model = FighterMedia

    fighter = factory.SubFactory(FighterFactory)
    url = factory.Sequence(lambda number: f"https://pictures.example/{number}.jpg")


class FighterExternalIdFactory(DjangoModelFactory[FighterExternalId]):
    class Meta:
        model = FighterExternalId

    fighter = factory.SubFactory(FighterFactory)
    source = "ufcstats"
    external_id = factory.Sequence(lambda number: f"{number:016x}")


class FighterAliasFactory(DjangoModelFactory[FighterAlias]):
    class Meta:
        model = FighterAlias

    fighter = factory.SubFactory(FighterFactory)
    name = factory.Sequence(lambda number: f"Alias {number}")
    name_key = factory.LazyAttribute(lambda alias: alias.name.lower())


class UnmatchedNameFactory(DjangoModelFactory[UnmatchedName]):
    class Meta:
        model = UnmatchedName

    source = "ufcstats"
    name = factory.Sequence(lambda number: f"Nobody {number}")
    name_key = factory.LazyAttribute(lambda unmatched: unmatched.name.lower())
    mentions = 1
    fighter = factory.SubFactory(FighterFactory, name=factory.SelfAttribute("..name"), is_unconfirmed=True, name_zh="")


class FighterMergeFactory(DjangoModelFactory[FighterMerge]):
    class Meta:
        model = FighterMerge

    kind = FighterMerge.Kind.MERGE
    fighter = factory.SubFactory(FighterFactory)
    other = factory.SubFactory(FighterFactory)


class RankingFactory(DjangoModelFactory[Ranking]):
    class Meta:
        model = Ranking

    fighter = factory.SubFactory(FighterFactory)
    source = "ufc"
    division = "Lightweight"
    place = 1
    valid_from = dt.date(2026, 1, 6)


class RefusedChangeFactory(DjangoModelFactory[RefusedChange]):
    class Meta:
        model = RefusedChange

    resource_type = "fighter"
    resource_id = factory.LazyAttribute(lambda _change: FighterFactory().pk)
    field = "name"
    source = "ufcstats"
    kept = "Zhang Weili"
    offered = "Weili Zhang"
    offered_key = factory.Sequence(lambda number: f"{number:064x}")
    reason = "locked"


class ImportRunFactory(DjangoModelFactory[ImportRun]):
    class Meta:
        model = ImportRun

    kind = ImportRun.Kind.UFCSTATS
    file_name = "ufcstats.zip"
