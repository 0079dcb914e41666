from __future__ import annotations

import datetime as dt

import factory
from factory.django import DjangoModelFactory

from apps.orders.models import Order, SimCard, SimUsage, SyncRequest, SyncRun
from tests.factories.users import UserFactory


class OrderFactory(DjangoModelFactory[Order]):
    class Meta:
        model = Order

    order_id = factory.Sequence(lambda number: f"ORD-{number:06d}")
    user = factory.SubFactory(UserFactory)
    amount = 12_800


class SimCardFactory(DjangoModelFactory[SimCard]):
    class Meta:
        model = SimCard

    iccid = factory.Sequence(lambda number: f"8986{number:016d}")
    order = factory.SubFactory(OrderFactory)


class SimUsageFactory(DjangoModelFactory[SimUsage]):
    class Meta:
        model = SimUsage

    sim_card = factory.SubFactory(SimCardFactory)
    day = dt.date(2025, 1, 31)
    used_bytes = 1_048_576


class SyncRunFactory(DjangoModelFactory[SyncRun]):
    class Meta:
        model = SyncRun

    request_id = factory.Sequence(lambda number: f"sync-{number}")
    task_id = factory.Sequence(lambda number: f"{number:032x}")
    sync_type = "sim_status"
    batch_size = 500


class SyncRequestFactory(DjangoModelFactory[SyncRequest]):
    class Meta:
        model = SyncRequest

    task_name = "data.sync"
    request_id = factory.Sequence(lambda number: f"request-{number}")
    digest = "0" * 64
    task_id = factory.Sequence(lambda number: f"{number:032x}")
