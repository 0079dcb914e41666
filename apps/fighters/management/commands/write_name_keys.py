"""``manage.py write_name_keys``: the keys by which fighters are found, after a version that derives other keys."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from apps.fighters.models import Fighter
from apps.fighters.services import forget_fighters, write_keys

BATCH = 2_000


class Command(BaseCommand):
    help = "Bring the search keys of all fighters in line with their names; writes only what differs."

    def handle(self, **options: Any) -> None:
        ids = list(Fighter.objects.order_by("pk").values_list("pk", flat=True))
        for start in range(0, len(ids), BATCH):
            with transaction.atomic():
                write_keys(ids[start : start + BATCH])
                forget_fighters(ids[start : start + BATCH])
        self.stdout.write(str(len(ids)))
