"""A list of orders as a file: CSV streamed row by row however long, XLSX up to a sheet that people can open.

What begins like a formula is made text: a remark must not run anything in somebody's spreadsheet.  Characters that no
sheet can hold are left out.  Times are in one zone, which their headings name (decision 8).
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from itertools import chain
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.http import FileResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from apps.core.errors import Invalid
from apps.orders.models import CONTROL_CHARACTERS, Order
from apps.orders.querysets import OrderQuerySet

CHUNK = 2_000
# A sheet is made whole while somebody waits for the answer; a CSV begins at once and has no end.
MOST_IN_A_SHEET = 20_000
# The full-width ones too: some spreadsheets read them as the others.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_TIMES = ("created_at", "paid_at", "completed_at")
_SHEET_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

Cells = list[str | Decimal]


def export(orders: OrderQuerySet, file_format: str) -> HttpResponseBase:
    """The file.  ``orders`` come from ``for_admin_list``, filtered.  Raises Invalid for an unknown format or a sheet
    that would be too long."""
    makers: dict[str, Callable[[OrderQuerySet], HttpResponseBase]] = {"csv": _csv, "xlsx": _xlsx}
    if file_format not in makers:
        raise Invalid(_("Choose CSV or XLSX."))
    return makers[file_format](orders)


def _csv(orders: OrderQuerySet) -> HttpResponseBase:
    lines = csv.writer(_Echo())
    # With a byte order mark, or Excel takes the Chinese for something else.
    text = (lines.writerow(cells) for cells in _table(orders))
    response = StreamingHttpResponse(
        (line.encode() for line in _with_mark(text)), content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = f'attachment; filename="{_name("csv")}"'
    return response


def _xlsx(orders: OrderQuerySet) -> HttpResponseBase:
    # Here, because it is large and most processes never write a sheet.
    from openpyxl import Workbook
    from openpyxl.writer.excel import save_workbook

    if len(orders.order_by().values_list("pk", flat=True)[: MOST_IN_A_SHEET + 1]) > MOST_IN_A_SHEET:
        raise Invalid(_("A sheet holds at most 20,000 orders: narrow the list, or take CSV, which has no limit."))
    book = Workbook(write_only=True)
    sheet = book.create_sheet("orders")
    for cells in _table(orders):
        sheet.append(cells)
    file = tempfile.TemporaryFile()  # noqa: SIM115  # FileResponse closes it
    save_workbook(book, file)
    file.seek(0)
    return FileResponse(file, as_attachment=True, filename=_name("xlsx"), content_type=_SHEET_TYPE)


def _table(orders: OrderQuerySet) -> Iterator[Cells]:
    """Heading and rows.  Words are looked up now: when the rows are read, the request and its language are over."""
    names = ("order_id", "user", "amount", "status", "remark", *_TIMES)
    heading: Cells = [_heading(name) for name in names]
    labels = {value: str(label) for value, label in Order.Status.choices}
    return chain([heading], _rows(orders, labels))


def _heading(name: str) -> str:
    title = str(capfirst(Order._meta.get_field(name).verbose_name))  # type: ignore[union-attr]
    return f"{title} ({settings.TIME_ZONE})" if name in _TIMES else title


def _rows(orders: OrderQuerySet, labels: dict[str, str]) -> Iterator[Cells]:
    for order in _in_chunks(orders):
        yield [
            harmless(order.order_id),
            harmless(order.customer_name or str(order.user_id)),
            Decimal(order.amount).scaleb(-2),
            labels[order.status],
            harmless(order.remark),
            *(_moment(value) for value in (order.created_at, order.paid_at, order.completed_at)),
        ]


def _in_chunks(orders: OrderQuerySet) -> Iterator[Any]:
    """Newest first by key, so that no statement grows with the list and none stays open while the reader is slow."""
    orders = orders.newest_first()
    rows = list(orders[:CHUNK])
    while rows:
        yield from rows
        last = rows[-1]
        after = Q(created_at__lt=last.created_at) | Q(created_at=last.created_at, pk__lt=last.pk)
        rows = list(orders.filter(after, created_at__lte=last.created_at)[:CHUNK]) if len(rows) == CHUNK else []


def harmless(text: str) -> str:
    """Text that a sheet can hold and no spreadsheet takes for a formula."""
    text = CONTROL_CHARACTERS.sub("", text)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _moment(value: Any) -> str:
    return "" if value is None else timezone.localtime(value).strftime("%Y-%m-%d %H:%M:%S")


def _name(ending: str) -> str:
    return f"orders-{timezone.localtime():%Y%m%d-%H%M%S}.{ending}"


def _with_mark(lines: Iterable[str]) -> Iterator[str]:
    yield "\ufeff"
    yield from lines


class _Echo:
    """What csv.writer writes to: hands each line straight back."""

    def write(self, line: str) -> str:
        return line
