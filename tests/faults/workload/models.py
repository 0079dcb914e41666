"""What the workload's tasks leave behind."""

from __future__ import annotations

from django.db import models


class Effect(models.Model):
    """One row per effect of task number ``number``: a doubled effect is a second row."""

    number = models.PositiveIntegerField(db_index=True)
    kind = models.CharField(max_length=16)
    attempt = models.PositiveIntegerField()
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "workload_effects"

    def __str__(self) -> str:
        return f"{self.kind} {self.number}"
