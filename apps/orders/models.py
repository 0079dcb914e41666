"""Orders, and the SIM cards that belong to them (A.1, decision 28).

Keys into other tables are logical (decision 2): no constraint in the database, so that an order outlives whatever
happens to its user's row, and a card may name an order that is not there yet.
"""

from __future__ import annotations

import re
from typing import ClassVar

from django.core.validators import (
    MaxValueValidator,
    MinValueValidator,
    ProhibitNullCharactersValidator,
    RegexValidator,
)
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from apps.orders.enums import SyncType
from apps.orders.querysets import OrderQuerySet, SimCardQuerySet, SimUsageQuerySet, SyncRequestQuerySet, SyncRunQuerySet

# The largest integer that every JSON reader keeps exactly (2^53 - 1): cents of 90 trillion.
MOST_CENTS = 9_007_199_254_740_991
# What XML, and so an XLSX, can't hold.  Tabs and line breaks are not among them.
CONTROL_CHARACTERS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


class Order(models.Model):
    """One order.  ``order_id`` is its business key, unique among orders that are not deleted.

    Change rows through ``orders.services`` only: they keep to ``MOVES`` and set ``paid_at`` and ``completed_at``.
    """

    class Status(models.TextChoices):
        PENDING = "pending", pgettext_lazy("order status", "pending")
        PAID = "paid", pgettext_lazy("order status", "paid")
        PROCESSING = "processing", pgettext_lazy("order status", "processing")
        COMPLETED = "completed", pgettext_lazy("order status", "completed")
        CANCELLED = "cancelled", pgettext_lazy("order status", "cancelled")
        REFUNDED = "refunded", pgettext_lazy("order status", "refunded")

    # The one table of allowed moves; what stands in it nowhere is final.
    MOVES: ClassVar[dict[str, tuple[str, ...]]] = {
        Status.PENDING: (Status.PAID, Status.CANCELLED),
        Status.PAID: (Status.PROCESSING, Status.CANCELLED, Status.REFUNDED),
        Status.PROCESSING: (Status.COMPLETED, Status.REFUNDED),
        Status.COMPLETED: (Status.REFUNDED,),
    }
    # Something is still to be done for the customer: such an order keeps its user from being deleted.
    OPEN: ClassVar[tuple[str, ...]] = (Status.PENDING, Status.PAID, Status.PROCESSING)
    # What customers may do to their own orders by themselves.
    CUSTOMER_MOVES: ClassVar[dict[str, tuple[str, ...]]] = {Status.PENDING: (Status.CANCELLED,)}

    order_id = models.CharField(
        _("order number"),
        max_length=50,
        validators=[
            RegexValidator(
                r"\A[A-Za-z0-9][A-Za-z0-9._-]*\Z", _("Letters, digits and . - _ are allowed, a letter or digit first.")
            )
        ],
    )
    user = models.ForeignKey(
        "users.User",
        models.DO_NOTHING,
        related_name="orders",
        db_constraint=False,
        db_index=False,
        verbose_name=_("user"),
    )
    amount = models.BigIntegerField(
        _("amount"), help_text=_("In cents"), validators=[MinValueValidator(1), MaxValueValidator(MOST_CENTS)]
    )
    status = models.CharField(_("status"), max_length=20, choices=Status.choices, default=Status.PENDING)
    remark = models.CharField(_("remark"), max_length=500, blank=True, validators=[ProhibitNullCharactersValidator()])
    paid_at = models.DateTimeField(_("paid at"), null=True, blank=True)
    completed_at = models.DateTimeField(_("completed at"), null=True, blank=True)
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)
    deleted_at = models.DateTimeField(_("deleted at"), null=True, blank=True, db_index=True, editable=False)
    deleted_key = models.PositiveBigIntegerField(default=0, editable=False)

    objects = OrderQuerySet.as_manager()

    class Meta:
        db_table = "tb_order"
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        default_permissions = ("view", "add", "change", "delete")
        permissions = [("export_order", "Can export orders")]
        indexes = [
            models.Index(fields=["user"], name="idx_order_user_id"),
            models.Index(fields=["status"], name="idx_order_status"),
            # Lists: newest first, of one state or of all, without a sort and without looking at deleted rows.
            models.Index(fields=["deleted_key", "created_at", "id"], name="idx_order_created"),
            models.Index(fields=["status", "deleted_key", "created_at", "id"], name="idx_order_status_created"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["order_id", "deleted_key"], name="uk_order_order_id"),
            models.CheckConstraint(condition=Q(amount__gte=1, amount__lte=MOST_CENTS), name="ck_order_amount"),
            models.CheckConstraint(
                condition=Q(status__in=["pending", "paid", "processing", "completed", "cancelled", "refunded"]),
                name="ck_order_status",
            ),
            models.CheckConstraint(
                condition=Q(deleted_at__isnull=True, deleted_key=0) | Q(deleted_at__isnull=False, deleted_key__gt=0),
                name="ck_order_deleted",
            ),
        ]

    def __str__(self) -> str:
        return self.order_id

    @property
    def moves(self) -> tuple[str, ...]:
        """The states that this order may take next."""
        return self.MOVES.get(self.status, ())

    @property
    def is_pending(self) -> bool:
        return self.status == self.Status.PENDING


class SimCard(models.Model):
    """A SIM card as the carrier last described it."""

    class Status(models.TextChoices):
        UNKNOWN = "unknown", pgettext_lazy("SIM status", "unknown")
        INACTIVE = "inactive", pgettext_lazy("SIM status", "not activated")
        ACTIVE = "active", pgettext_lazy("SIM status", "active")
        SUSPENDED = "suspended", pgettext_lazy("SIM status", "suspended")
        CLOSED = "closed", pgettext_lazy("SIM status", "closed")

    class RealName(models.TextChoices):
        UNKNOWN = "unknown", pgettext_lazy("real-name status", "unknown")
        PENDING = "pending", pgettext_lazy("real-name status", "being checked")
        VERIFIED = "verified", pgettext_lazy("real-name status", "verified")
        REJECTED = "rejected", pgettext_lazy("real-name status", "rejected")

    iccid = models.CharField(
        "ICCID", max_length=22, validators=[RegexValidator(r"\A[0-9A-Fa-f]{18,22}\Z", _("18 to 22 digits."))]
    )
    order = models.ForeignKey(
        Order,
        models.DO_NOTHING,
        null=True,
        blank=True,
        related_name="sim_cards",
        db_constraint=False,
        db_index=False,
        verbose_name=_("order"),
    )
    status = models.CharField(_("status"), max_length=20, choices=Status.choices, default=Status.UNKNOWN)
    real_name_status = models.CharField(
        _("real-name check"), max_length=20, choices=RealName.choices, default=RealName.UNKNOWN
    )
    # When the carrier last said something new about the card's status, or was asked for it by itself; real names and
    # usage don't count.  A full synchronisation that changes nothing writes nothing; its time stands in sim_sync_runs.
    synced_at = models.DateTimeField(_("last synchronised"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    objects = SimCardQuerySet.as_manager()

    class Meta:
        db_table = "sim_cards"
        verbose_name = _("SIM card")
        verbose_name_plural = _("SIM cards")
        default_permissions = ("view", "change")
        permissions = [("sync_simcard", "Can synchronise SIM cards with the carrier")]
        indexes = [
            models.Index(fields=["order"], name="idx_sim_cards_order_id"),
            models.Index(fields=["status"], name="idx_sim_cards_status"),
            models.Index(fields=["synced_at"], name="idx_sim_cards_synced_at"),
        ]
        constraints = [models.UniqueConstraint(fields=["iccid"], name="uk_sim_cards_iccid")]

    def __str__(self) -> str:
        return self.iccid


class SimUsage(models.Model):
    """What one card used on one day."""

    sim_card = models.ForeignKey(
        SimCard,
        models.DO_NOTHING,
        related_name="usage",
        db_constraint=False,
        db_index=False,
        verbose_name=_("SIM card"),
    )
    day = models.DateField(_("day"))
    used_bytes = models.PositiveBigIntegerField(_("bytes used"))
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    objects = SimUsageQuerySet.as_manager()

    class Meta:
        db_table = "sim_usage"
        verbose_name = _("SIM usage")
        verbose_name_plural = _("SIM usage")
        default_permissions = ("view",)
        constraints = [models.UniqueConstraint(fields=["sim_card", "day"], name="uk_sim_usage_card_day")]
        # The nightly clean-up looks for old days of all cards.
        indexes = [models.Index(fields=["day"], name="idx_sim_usage_day")]

    def __str__(self) -> str:
        return f"{self.sim_card_id} {self.day}"


class SyncRequest(models.Model):
    """Which task a request id of a caller was promised, and for which arguments.

    Kept for 90 days and for as long as there is a run of that id (``services.sim_retention``).
    """

    task_name = models.CharField(max_length=64)
    request_id = models.CharField(max_length=128)
    digest = models.CharField(max_length=64)
    task_id = models.CharField(max_length=128)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = SyncRequestQuerySet.as_manager()

    class Meta:
        db_table = "sim_sync_requests"
        verbose_name = _("request for a synchronisation")
        verbose_name_plural = _("requests for synchronisations")
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["task_name", "request_id"], name="uk_sim_sync_request")]

    def __str__(self) -> str:
        return f"{self.task_name} {self.request_id}"


class SyncRun(models.Model):
    """One synchronisation with the carrier, how far it got and what it brought.

    ``cursor`` is written in the transaction of the batch before it: a run that is taken up again begins exactly where
    the last batch was committed.  ``claim`` names the attempt that holds it (``<task>:<attempt>``): an attempt that was
    given up for dead and wakes again stores nothing more.
    """

    class State(models.TextChoices):
        RUNNING = "running", pgettext_lazy("synchronisation state", "running")
        FINISHED = "finished", pgettext_lazy("synchronisation state", "finished")
        FAILED = "failed", pgettext_lazy("synchronisation state", "failed")

    request_id = models.CharField(_("request id"), max_length=128)
    task_id = models.CharField(_("task"), max_length=128)
    claim = models.CharField(max_length=160, blank=True, default="", db_default="", editable=False)
    sync_type = models.CharField(_("what"), max_length=20, choices=SyncType.choices)
    start_date = models.DateField(_("from day"), null=True, blank=True)
    end_date = models.DateField(_("to day"), null=True, blank=True)
    batch_size = models.PositiveIntegerField(_("batch size"))
    state = models.CharField(_("state"), max_length=20, choices=State.choices, default=State.RUNNING)
    cursor = models.CharField(max_length=500, blank=True, default="", editable=False)
    pages = models.PositiveIntegerField(_("pages"), default=0)
    seen = models.PositiveIntegerField(_("rows"), default=0)
    created = models.PositiveIntegerField(_("new"), default=0)
    changed = models.PositiveIntegerField(_("changed rows"), default=0)
    duplicates = models.PositiveIntegerField(_("duplicates"), default=0)
    bad = models.PositiveIntegerField(_("unusable"), default=0)
    total = models.PositiveIntegerField(default=0, editable=False)
    bad_rows = models.JSONField(_("unusable rows"), default=list, blank=True)
    error = models.TextField(_("error"), blank=True, default="")
    started_at = models.DateTimeField(_("started"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    objects = SyncRunQuerySet.as_manager()

    class Meta:
        db_table = "sim_sync_runs"
        verbose_name = _("synchronisation")
        verbose_name_plural = _("synchronisations")
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["request_id"], name="uk_sim_sync_run_request_id")]
        indexes = [models.Index(fields=["sync_type", "state", "-started_at"], name="idx_sim_sync_run_type")]

    def __str__(self) -> str:
        return f"{self.get_sync_type_display()} #{self.pk}"
