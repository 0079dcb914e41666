"""Hub tasks of the orders app: synchronisation with the carrier (B.1, decision 28)."""

from __future__ import annotations

import time
from datetime import date
from typing import Any

import structlog
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.core.errors import AppError, FieldError, Invalid, Unavailable
from apps.orders.clients.carrier import CARDS_PER_QUERY, Carrier, Period
from apps.orders.clients.carrier_rows import Page
from apps.orders.enums import SyncType
from apps.orders.errors import CarrierAnswerUnusable
from apps.orders.models import SyncRun
from apps.orders.services import sim_cards, sim_retention, sim_sync
from apps.orders.services.iccids import checked_iccids
from apps.orders.services.sim_batches import Counts
from apps.orders.services.sim_sync import BadRowNote, Holder, SyncOrder
from apps.orders.task_names import DATA_SYNC, FORGET_OLD_SIM_DATA, SIM_STATUS_SYNC
from apps.taskhub.hub_task import Queue, RetryPolicy, current_run, hub_task

log = structlog.get_logger(__name__)


@hub_task(
    name=DATA_SYNC,
    queue=Queue.DEFAULT,
    label=gettext_lazy("Synchronise with the carrier"),
    soft_limit_seconds=3600,
    retry=RetryPolicy(max_retries=5, base_seconds=10),
)
def data_sync(
    *,
    sync_type: str,
    start_date: str = "",
    end_date: str = "",
    batch_size: int = sim_sync.DEFAULT_BATCH_SIZE,
    request_id: str = "",
) -> dict[str, Any]:
    """Page through what the carrier has.

    Safe to run twice: it goes on after the last stored page, and an older attempt stops.
    """
    began = time.monotonic()
    order = SyncOrder(_sync_type(sync_type), _day("start_date", start_date), _day("end_date", end_date), batch_size)
    holder = Holder(current_run.task_id, current_run.attempt)
    run = sim_sync.begin_run(order, request_id=request_id or current_run.task_id, holder=holder)
    if run.state != "finished":
        try:
            _fetch_pages(order, run, holder)
        except Exception as error:
            if current_run.is_last_attempt or _is_final(error):
                sim_sync.fail_run(run.pk, holder=holder, error=str(error), actor=current_run.actor)
            raise
        run = sim_sync.finish_run(run.pk, holder=holder, actor=current_run.actor)
    log.info("sim_sync_finished", run_id=run.pk, duration_ms=round((time.monotonic() - began) * 1000))
    return sim_sync.summary(run)


def _is_final(error: Exception) -> bool:
    """No other attempt follows: cancelled, or an error that a retry does not mend."""
    return isinstance(error, AppError) and not isinstance(error, Unavailable)


def _fetch_pages(order: SyncOrder, run: SyncRun, holder: Holder) -> None:
    """Raises SyncTakenOver when a newer attempt goes on from here."""
    period = Period(order.start_date, order.end_date)
    asked: set[str] = set()
    with Carrier() as carrier:
        while run.cursor or not run.pages:
            current_run.stop_if_cancelled()
            page = carrier.page(order.sync_type, period, size=order.batch_size, cursor=run.cursor)
            asked.add(run.cursor)
            if page.next_cursor in asked and page.next_cursor:
                raise CarrierAnswerUnusable("a cursor that was asked for already: the list would never end")
            number = run.pages + 1
            run = sim_sync.store_batch(
                run.pk,
                page.rows,
                number=number,
                cursor=page.next_cursor,
                total=page.total,
                bad=_notes(page, number),
                holder=holder,
                actor=current_run.actor,
            )
            text = _("%(rows)d rows, page %(page)d") % {"rows": run.seen, "page": run.pages}
            current_run.progress(_percent(run.seen, run.total), text)


def _notes(page: Page, number: int) -> list[BadRowNote]:
    return [BadRowNote(number, bad.position, bad.reason, bad.sample) for bad in page.bad]


def _percent(seen: int, total: int) -> int:
    """Of a whole that is not known nothing can be said; 100 only when the task has ended."""
    return min(99, seen * 100 // total) if total else 0


def _sync_type(value: str) -> SyncType:
    try:
        return SyncType(value)
    except ValueError:
        raise Invalid(errors=[FieldError("sync_type", "invalid_choice", _("Not one of the known values."))]) from None


def _day(name: str, value: str) -> date | None:
    try:
        return date.fromisoformat(value) if value else None
    except ValueError:
        raise Invalid(errors=[FieldError(name, "invalid", _("A day as YYYY-MM-DD."))]) from None


@hub_task(
    name=SIM_STATUS_SYNC,
    queue=Queue.DEFAULT,
    label=gettext_lazy("Ask for the state of SIM cards"),
    retry=RetryPolicy(max_retries=5, base_seconds=5),
)
def sim_status_sync(*, iccids: list[str], force_sync: bool = False, request_id: str = "") -> dict[str, Any]:
    """Ask for these cards.  Without ``force_sync`` those whose state is fresh are left out; so running it twice asks
    once.  One audit event tells the counts."""
    wanted = checked_iccids(iccids)
    asked = wanted if force_sync else sim_cards.stale_among(wanted, now=timezone.now())
    counts, known = Counts(), set()
    if asked:
        with Carrier() as carrier:
            for start in range(0, len(asked), CARDS_PER_QUERY):
                current_run.stop_if_cancelled()
                chunk = asked[start : start + CARDS_PER_QUERY]
                rows = [row for row in carrier.statuses(chunk).rows if row.iccid in set(chunk)]
                counts += sim_cards.store_asked(rows, actor=current_run.actor)
                known |= {row.iccid for row in rows}
                current_run.progress(min(99, (start + len(chunk)) * 100 // len(asked)))
    unknown = [iccid for iccid in asked if iccid not in known]
    told = {
        "asked": len(asked),
        "fresh": len(wanted) - len(asked),
        "created": counts.created,
        "changed": counts.changed,
    }
    sim_cards.note_asked(current_run.task_id, wanted, counts={**told, "unknown": len(unknown)}, actor=current_run.actor)
    log.info("sim_status_synced", request_id=request_id, asked=len(asked), changed=counts.changed)
    return {**told, "unknown": unknown}


@hub_task(
    name=FORGET_OLD_SIM_DATA,
    queue=Queue.LOW,
    label=gettext_lazy("Forget old SIM data"),
    # The first time there may be millions of rows; what is left is for the next night.
    soft_limit_seconds=900,
    retry=RetryPolicy(max_retries=3),
)
def forget_old_sim_data() -> dict[str, int]:
    """Safe to run twice: what is gone is not found again."""
    return sim_retention.forget_old_sim_data(now=timezone.now())
