"""Orders by the hundred thousand.  ``python -m tests.benchmarks.orders_data 1000000`` puts them into DATABASE_URL."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from typing import Any

STATUSES = ("completed",) * 80 + ("cancelled",) * 10 + ("refunded",) * 5 + ("paid",) * 3 + ("processing", "pending")
BATCH = 5_000


def fill(count: int, *, user_ids: list[int]) -> None:
    """Orders spread over users, states and the last two years, the newest last."""
    from django.db import connection

    if connection.vendor == "postgresql":
        _fill_on_the_server(count, user_ids)
    else:
        _fill_in_batches(count, user_ids)


def _fill_on_the_server(count: int, user_ids: list[int]) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO tb_order (order_id, user_id, amount, status, remark, paid_at, completed_at, version,
                                  created_at, updated_at, deleted_at, deleted_key)
            SELECT 'BENCH-' || lpad(n::text, 9, '0'), (%s::bigint[])[1 + n %% %s], 100 + n %% 90000,
                   (%s::text[])[1 + (n * 7919) %% 100], '', NULL, NULL, 1,
                   now() - interval '2 years' + n * (interval '2 years' / %s),
                   now() - interval '2 years' + n * (interval '2 years' / %s), NULL, 0
            FROM generate_series(1::bigint, %s) AS n
            """,
            [user_ids, len(user_ids), list(STATUSES), count + 1, count + 1, count],
        )
        cursor.execute("VACUUM ANALYZE tb_order")


def _fill_in_batches(count: int, user_ids: list[int]) -> None:
    from django.db import connection
    from django.utils import timezone

    from apps.orders.models import Order

    step = timedelta(days=730) / (count + 1)
    start = timezone.now() - timedelta(days=730)
    for first in range(1, count + 1, BATCH):
        numbers = range(first, min(first + BATCH, count + 1))
        orders = [
            Order(
                order_id=f"BENCH-{number:09}",
                user_id=user_ids[number % len(user_ids)],
                amount=100 + number % 90_000,
                status=STATUSES[number * 7919 % 100],
            )
            for number in numbers
        ]
        Order.objects.bulk_create(orders)
        _date(Order.objects.filter(pk__in=[order.pk for order in orders if order.pk]), start + step * first)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE TABLE tb_order" if connection.vendor == "mysql" else "ANALYZE")


def _date(orders: Any, moment: Any) -> None:
    orders.update(created_at=moment, updated_at=moment)


def main(arguments: list[str]) -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    import django

    django.setup()
    from apps.core.time_limits import UNLIMITED, time_limit
    from apps.users.models import User

    user_ids = list(User.objects.alive().values_list("pk", flat=True)[:10_000])
    with time_limit(seconds=UNLIMITED):
        fill(int(arguments[0]), user_ids=user_ids)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
