"""Audited saves beside plain ones and beside the other audit packages, on the same ten-field model.

Three shapes: one save per transaction, twenty per transaction, and the shape of our services (lock the row, change a
field, ``save(update_fields=…)``, record).  Then where the time of an audited save goes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from django.db import connection, models, transaction
from django.utils import timezone

from apps.audit.enums import Action
from apps.audit.services import outbox, payload, record, reference, relay, snapshot
from apps.core import context
from apps.core.actor import Actor, ActorKind
from tests.benchmarks import models as bench_models
from tests.benchmarks.harness import Row, alternated, interleaved, make_tables, per_second, row

ROUNDS = 9
# Transactions of one contender in a round.
TURNS = 60
ITEMS = 40
TEXT = "The main event of the evening was moved to Saturday. " * 8
EDITOR = Actor(ActorKind.USER, "7", "editor")
PEERS = {
    "django-auditlog": "AuditlogItem",
    "django-simple-history": "SimpleHistoryItem",
    "django-pghistory": "PghistoryItem",
}
SURROUNDINGS = context.Context(
    request_id="0f8fad5b-d9cb-469f-a165-70867728950e",
    client_ip="203.0.113.9",
    user_agent="Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36",
    method="PUT",
    path="/api/v1/articles/7",
    subsystem="http",
)

Change = Callable[[Any, int], None]


def run() -> list[Row]:
    make_tables()
    if hasattr(bench_models, "PghistoryItem"):
        import pgtrigger

        pgtrigger.install()
    stores = {"plain": bench_models.PlainItem, "ours": bench_models.AuditedItem}
    stores |= {name: getattr(bench_models, model) for name, model in PEERS.items() if hasattr(bench_models, model)}
    for model in stores.values():
        fill(model)
    rows = []
    with context.bind(SURROUNDINGS):
        for saves in (1, 20):
            contenders = {
                name: Contender(model, saves, audited_save if name == "ours" else plain_save)
                for name, model in stores.items()
            }
            rows += compare(f"saves, {saves} per transaction", contenders)
        rows += compare(
            "service calls (lock, change, save)",
            {
                "plain": Contender(bench_models.PlainItem, 1, plain_service),
                "ours": Contender(bench_models.AuditedItem, 1, audited_service),
            },
        )
        rows += anatomy()
        rows.append(relayed())
    return rows


def fill(model: type[models.Model]) -> None:
    for number in range(ITEMS):
        model(title=f"Title {number}", body=TEXT, author="alice", published_at=timezone.now()).save()


class Contender:
    """One way of saving: a turn is one transaction of so many changes."""

    def __init__(self, model: Any, saves: int, change: Change) -> None:
        self.items = list(model.objects.order_by("pk"))
        self.saves = saves
        self.change = change

    def __call__(self, turn: int) -> None:
        with transaction.atomic():
            for number in range(turn * self.saves, (turn + 1) * self.saves):
                self.change(self.items[number % ITEMS], number)


def plain_save(item: Any, number: int) -> None:
    item.title = f"Title {number} of {time.perf_counter_ns() % 1_000_000}"
    item.save()


def audited_save(item: Any, number: int) -> None:
    before = snapshot(item)
    item.title = f"Title {number} of {time.perf_counter_ns() % 1_000_000}"
    item.save()
    record(Action.UPDATED, item, actor=EDITOR, old=before, new=snapshot(item))


def plain_service(item: Any, number: int) -> None:
    locked = type(item).objects.select_for_update().get(pk=item.pk)
    locked.title = f"Title {number} of {time.perf_counter_ns() % 1_000_000}"
    locked.save(update_fields=["title", "updated_at"])


def audited_service(item: Any, number: int) -> None:
    locked = type(item).objects.select_for_update().get(pk=item.pk)
    before = snapshot(locked)
    locked.title = f"Title {number} of {time.perf_counter_ns() % 1_000_000}"
    locked.save(update_fields=["title", "updated_at"])
    record(Action.UPDATED, locked, actor=EDITOR, old=before, new=snapshot(locked), reason="bench")


def compare(measure: str, contenders: dict[str, Contender]) -> list[Row]:
    """Ours against the plain save first, then against each peer."""
    clear()
    times = alternated(contenders, rounds=ROUNDS, turns=TURNS)
    saves = contenders["ours"].saves
    rates = {name: saves / seconds for name, seconds in times.items()}
    ours = rates.pop("ours")
    return [
        row(f"{measure}: audited ÷ {name}", ours, rate, unit="per second", rounds=ROUNDS)
        for name, rate in rates.items()
    ]


def anatomy() -> list[Row]:
    """Microseconds of the parts of ``record`` beside one plain save in its own transaction."""
    item: Any = bench_models.AuditedItem.objects.order_by("pk")[0]
    plain: Any = bench_models.PlainItem.objects.order_by("pk")[0]
    before, ref = snapshot(item), reference(item)
    after = {**before, "title": "another"}
    body = "x" * 1200

    def save_plainly(turn: int) -> None:
        with transaction.atomic():
            plain_save(plain, turn)

    def take_two_snapshots(turn: int) -> None:
        snapshot(item)
        snapshot(item)

    def build(turn: int) -> None:
        event = payload.head("updated", ref, EDITOR, "success")
        payload.encode(event, old=before, new=after)

    def save_and_append(turn: int) -> None:
        with transaction.atomic():
            plain_save(plain, turn)
            outbox.append(connection, body)

    clear()
    times = alternated(
        {"save": save_plainly, "snapshots": take_two_snapshots, "event": build, "save and row": save_and_append},
        rounds=ROUNDS,
        turns=TURNS * 5,
    )
    parts = {
        "two snapshots": times["snapshots"],
        "event and JSON": times["event"],
        "outbox row": times["save and row"] - times["save"],
    }
    return [
        row(
            f"time of record(): {name} ÷ a save without audit",
            seconds * 1e6,
            times["save"] * 1e6,
            unit="µs",
            rounds=ROUNDS,
        )
        for name, seconds in parts.items()
    ]


def relayed() -> Row:
    """Events per second that one relay moves; the demand is 1,000 (I-9)."""
    rounds = 3

    clear()

    def once() -> float:
        item: Any = bench_models.AuditedItem.objects.order_by("pk")[0]
        with transaction.atomic():
            for number in range(2000):
                audited_save(item, number)
        return per_second(lambda: [None for _ in iter(relay.relay_batch, 0)] and None, 2000)

    rate = interleaved({"relay": once}, rounds=rounds)["relay"]
    return row("relay into audit_events ÷ demand of 1,000 events/s", rate, 1000, unit="per second", rounds=rounds)


def clear() -> None:
    """An outbox that no relay empties would make ours slower from round to round, unlike real life."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_outbox")
        if connection.vendor == "postgresql":
            cursor.execute("VACUUM audit_outbox")
