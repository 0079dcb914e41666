from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Self

from django.db import connections, models

from apps.users.models import User
from apps.users.querysets import fold

if TYPE_CHECKING:
    from apps.orders.models import Order, SimCard, SimUsage, SyncRequest, SyncRun  # noqa: F401  # below


class OrderQuerySet(models.QuerySet["Order"]):
    def alive(self) -> Self:
        """Not deleted.  Asked by the key, not by the date: so the indexes of the lists serve it."""
        return self.filter(deleted_key=0)

    def of_user(self, user_id: int) -> Self:
        return self.alive().filter(user_id=user_id)

    def open(self) -> Self:
        """Alive, and something is still to be done."""
        return self.alive().filter(status__in=self.model.OPEN)

    def newest_first(self) -> Self:
        return self.order_by("-created_at", "-id")

    def for_admin_list(self) -> Self:
        """With ``customer_name``, and whether the customer has a page (``customer_is_alive``).

        No join: an order is shown even where its user's row is gone.
        """
        customer = User.objects.filter(pk=models.OuterRef("user_id"))
        return (
            self.alive()
            .annotate(
                customer_name=models.Subquery(customer.values("username")[:1]),
                customer_is_alive=models.Exists(customer.alive()),
            )
            .newest_first()
        )

    def found_by(self, text: str) -> Self:
        """Orders with this number, or of the user with this name or address, deleted users included.

        Whole numbers and names: each is looked up by its index first, so that the list stays a walk along one index.
        """
        term = text.strip()
        order = self.model.objects.alive().filter(order_id=term).values_list("pk", flat=True).first()
        if order is not None:
            return self.filter(pk=order)
        key = fold(term)
        named = {"email_key": key} if "@" in key else {"username_key": key}
        return self.filter(user_id__in=list(User.objects.filter(**named).values_list("pk", flat=True)))

    def numbers_by_status(self, *, most: int) -> dict[str, int]:
        """How many alive orders each state has, counted up to ``most`` and no further: never a count of the table."""
        statuses = list(self.model.Status.values)
        # SQLite knows no LIMIT in the parts of a UNION, so each number is a subquery of one row.
        rows = "SELECT 1 FROM tb_order WHERE status = %s AND deleted_key = 0 LIMIT %s"
        number = f"(SELECT COUNT(*) FROM ({rows}) counted)"  # noqa: S608  # no value is spelled into it
        parameters = [value for status in statuses for value in (status, most)]
        with connections[self.db].cursor() as cursor:
            cursor.execute(f"SELECT {', '.join([number] * len(statuses))}", parameters)
            return dict(zip(statuses, cursor.fetchone(), strict=True))


class SimCardQuerySet(models.QuerySet["SimCard"]):
    def with_known_status(self) -> Self:
        """Without the cards of which the carrier has told no status yet, only a real name or usage."""
        return self.exclude(synced_at__isnull=True, status="unknown")

    def for_admin_list(self) -> Self:
        return self.select_related("order").order_by("-id")


class SimUsageQuerySet(models.QuerySet["SimUsage"]):
    def before(self, day: date) -> Self:
        return self.filter(day__lt=day).order_by("day")

    def newest_first(self) -> Self:
        return self.order_by("-day", "-id")


class SyncRequestQuerySet(models.QuerySet["SyncRequest"]):
    def forgettable(self, moment: datetime, runs: SyncRunQuerySet) -> Self:
        """Asked before this, and no run bears the id: whoever asks with it anew meets no old run."""
        return self.filter(created_at__lt=moment).exclude(request_id__in=runs.values("request_id")).order_by("pk")


class SyncRunQuerySet(models.QuerySet["SyncRun"]):
    def of_request(self, request_id: str) -> Self:
        return self.filter(request_id=request_id)

    def running(self) -> Self:
        return self.filter(state="running")

    def ended_before(self, moment: datetime) -> Self:
        return self.filter(state__in=("finished", "failed"), finished_at__lt=moment).order_by("pk")

    def whole_status_runs(self) -> Self:
        """Finished ones that asked for every card, newest first: after them no card with a known status is stale."""
        return self.filter(
            sync_type="sim_status", state="finished", start_date__isnull=True, end_date__isnull=True
        ).order_by("-started_at")
