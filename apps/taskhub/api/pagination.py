"""Pages and cursors over the repository: the API never sees a queryset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

from django.core import signing
from django.utils.translation import gettext_lazy as _

from apps.core.api.pagination import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, Keyset, PageNumber
from apps.core.errors import FieldError, Invalid
from apps.taskhub.repositories import TaskFilter, TaskRecord, TaskRepository

_SALT = "apps.taskhub.api.pagination"


class TaskListing(Sequence[TaskRecord]):
    """The tasks that a filter chooses, newest first, as a sequence: the length counts, a slice reads."""

    def __init__(self, repository: TaskRepository, chosen: TaskFilter) -> None:
        self.repository, self.chosen = repository, chosen

    def __len__(self) -> int:
        return self.repository.count_tasks(self.chosen)

    @overload
    def __getitem__(self, place: int) -> TaskRecord: ...
    @overload
    def __getitem__(self, place: slice) -> list[TaskRecord]: ...
    def __getitem__(self, place: int | slice) -> TaskRecord | list[TaskRecord]:
        if isinstance(place, int):
            return self[place : place + 1][0]
        start = place.start or 0
        return self.repository.list_tasks(self.chosen, limit=place.stop - start, offset=start)


class TaskPages(Keyset):
    """As ``Keyset``, walking by id through ``list_tasks``."""

    def paginate_queryset(self, queryset: Any, request: Any, view: Any = None) -> list[Any]:
        listing: TaskListing = queryset
        self._by_cursor = "cursor" in request.query_params
        if self._by_cursor:
            return self._walk_listing(listing, request.query_params["cursor"], self._size(request))
        rows = PageNumber.paginate_queryset(self, listing, request, view)
        after_last = self.page * self.page_size >= self.total
        self._next = None if after_last or not rows else _cursor(listing, rows[-1], backwards=False)
        return rows

    def _size(self, request: Any) -> int:
        text = request.query_params.get("page_size", str(DEFAULT_PAGE_SIZE))
        if not text.isdecimal() or not 1 <= int(text[:9]) <= MAX_PAGE_SIZE:
            raise Invalid(errors=[FieldError("page_size", "invalid", _("A whole number from 1 to 100."))])
        self.page_size = int(text)
        return self.page_size

    def _walk_listing(self, listing: TaskListing, text: str, size: int) -> list[TaskRecord]:
        backwards, beside = _position(listing, text)
        rows = listing.repository.list_tasks(
            listing.chosen,
            limit=size + 1,
            older_than=beside if not backwards else None,
            newer_than=beside if backwards else None,
        )
        has_more = len(rows) > size
        rows = rows[-size:] if backwards else rows[:size]
        self._next = self._previous = None
        if rows and (has_more or backwards):
            self._next = _cursor(listing, rows[-1], backwards=False)
        if rows and (has_more if backwards else beside is not None):
            self._previous = _cursor(listing, rows[0], backwards=True)
        return rows


def _cursor(listing: TaskListing, row: TaskRecord, *, backwards: bool) -> str:
    return signing.dumps([int(backwards), repr(listing.chosen), row.id], salt=_SALT)


def _position(listing: TaskListing, text: str) -> tuple[bool, int | None]:
    """Direction and the id beside which it starts.  Raises Invalid for a foreign or altered cursor."""
    if not text:
        return False, None
    try:
        backwards, chosen, beside = signing.loads(text, salt=_SALT)
    except signing.BadSignature:
        raise Invalid(errors=[FieldError("cursor", "invalid", _("This cursor is not one of ours."))]) from None
    if chosen != repr(listing.chosen):
        sentence = _("The cursor belongs to other filters: start again without it.")
        raise Invalid(errors=[FieldError("cursor", "invalid", sentence)])
    return bool(backwards), int(beside)
