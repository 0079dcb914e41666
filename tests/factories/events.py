from __future__ import annotations

import factory
from django.utils import timezone
from factory.django import DjangoModelFactory

from apps.events.models import (
    Bout,
    BoutExternalId,
    BoutReport,
    BoutRevision,
    Event,
    EventExternalId,
    LiveFeed,
    UnknownBout,
)
from tests.factories.fighters import FighterFactory


class EventFactory(DjangoModelFactory[Event]):
    class Meta:
        model = Event

    org = "UFC"
    name = factory.Sequence(lambda number: f"Fight Night {number}")
    starts_at = factory.LazyFunction(timezone.now)
    venue = "Mercedes-Benz Arena, Shanghai"


class BoutFactory(DjangoModelFactory[Bout]):
    class Meta:
        model = Bout

    event = factory.SubFactory(EventFactory)
    sequence_no = factory.Sequence(lambda number: number + 1)
    red_fighter = factory.SubFactory(FighterFactory)
    blue_fighter = factory.SubFactory(FighterFactory)
    card_segment = Bout.Segment.MAIN_CARD


class EventExternalIdFactory(DjangoModelFactory[EventExternalId]):
    class Meta:
        model = EventExternalId

    event = factory.SubFactory(EventFactory)
    source = "espn"
    external_id = factory.Sequence(lambda number: f"6000{number}")


class BoutExternalIdFactory(DjangoModelFactory[BoutExternalId]):
    class Meta:
        model = BoutExternalId

    bout = factory.SubFactory(BoutFactory)
    source = "espn"
    external_id = factory.Sequence(lambda number: f"4000{number}")


class LiveFeedFactory(DjangoModelFactory[LiveFeed]):
    class Meta:
        model = LiveFeed

    event = factory.SubFactory(EventFactory)


class UnknownBoutFactory(DjangoModelFactory[UnknownBout]):
    class Meta:
        model = UnknownBout

    event = factory.SubFactory(EventFactory)
    source = "espn"
    external_id = factory.Sequence(lambda number: f"4900{number}")
    athletes = factory.LazyFunction(lambda: [["1", "Somebody"], ["2", "Somebody Else"]])


class BoutReportFactory(DjangoModelFactory[BoutReport]):
    class Meta:
        model = BoutReport

    bout = factory.SubFactory(BoutFactory)
    source = "espn"
    state = Bout.State.IN_ROUND
    content_hash = factory.Sequence(lambda number: f"{number:064x}")
    seen_at = factory.LazyFunction(timezone.now)
    since = factory.LazyFunction(timezone.now)


class BoutRevisionFactory(DjangoModelFactory[BoutRevision]):
    class Meta:
        model = BoutRevision

    bout = factory.SubFactory(BoutFactory)
    version = factory.Sequence(lambda number: number + 2)
    source = "operator"
    actor_id = "1"
    actor_label = "editor"
