"""Row locks, inserts and deletions of many rows that mean the same on PostgreSQL, MariaDB and SQLite.

SQLite has no row locks and needs none: a writing transaction there is IMMEDIATE, so it is alone.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any, TypeVar

import orjson
from django.db import DEFAULT_DB_ALIAS, OperationalError, connection, transaction
from django.db.models import Field, JSONField, Model, QuerySet
from django.utils import timezone

M = TypeVar("M", bound=Model)

INSERT_BATCH = 2_000

# SQLSTATE: lock not available, deadlock, statement cancelled.  MySQL and MariaDB: lock wait timeout, deadlock,
# statement time limit (two spellings).
_WAITED_IN_VAIN = {"55P03", "40P01", "57014", "1205", "1213", "1969", "3024"}


def locked(queryset: QuerySet[M]) -> QuerySet[M]:
    """Lock the rows until the transaction ends, in the order of their keys so that two callers can't deadlock."""
    return queryset.select_for_update().order_by("pk")


def locked_by_key(model: type[M], keys: Collection[int]) -> list[M]:
    """``locked`` for the rows of these keys, as a list: for what is locked all day.

    PostgreSQL: a statement made once, because compiling one for a wide table takes longer than running it.  Raises
    TransactionManagementError outside a transaction, where nothing would stay locked.
    """
    if connection.vendor != "postgresql":
        return list(locked(model._default_manager.filter(pk__in=keys)))
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("locked_by_key() belongs into a transaction")
    statement, names, converted = _locking(model)
    with connection.cursor() as cursor:
        cursor.execute(statement, [list(keys)])
        rows = [list(row) for row in cursor.fetchall()]
    for row in rows:
        for place, converters in converted:
            for convert in converters:
                row[place] = convert(row[place], None, connection)
    return [model.from_db(DEFAULT_DB_ALIAS, names, row) for row in rows]


@lru_cache(maxsize=64)
def _locking(model: type[Model]) -> tuple[str, list[str], list[tuple[int, list[Any]]]]:
    """The statement, the attributes of its columns, and which of them have to be converted."""
    fields = [field for field in model._meta.concrete_fields if not field.generated]
    quote = connection.ops.quote_name
    key = quote(str(model._meta.pk.column))
    columns = ", ".join(quote(str(field.column)) for field in fields)
    statement = f"SELECT {columns} FROM {quote(model._meta.db_table)} WHERE {key} = ANY(%s) ORDER BY {key} FOR UPDATE"  # noqa: S608
    converted = [(place, field.get_db_converters(connection)) for place, field in enumerate(fields)]
    return statement, [field.attname for field in fields], [(place, some) for place, some in converted if some]


def skip_locked(queryset: QuerySet[M]) -> QuerySet[M]:
    """Lock the rows and pass over those that somebody else holds: for queues that several processes empty."""
    return queryset.select_for_update(skip_locked=True)


def insert_unless_there(row: Model, *, unique: Sequence[str]) -> None:
    """Insert the row unless one with the same ``unique`` fields is there, which then is locked as by an update.

    For a row that is locked next.  After ``get_or_create`` or INSERT IGNORE each of two callers who came too late
    would keep a shared lock of it on MariaDB, and neither could lock it: a deadlock.
    """
    targeted = connection.features.supports_update_conflicts_with_target
    type(row)._default_manager.bulk_create(
        [row], update_conflicts=True, unique_fields=unique if targeted else None, update_fields=unique
    )


def insert_rows(model: type[Model], columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Insert many rows of plain columns: COPY on PostgreSQL (a third of the time), INSERTs of many rows elsewhere.

    Columns that are left out must have a default in the database or be the key; ids are not given back.
    """
    if not rows:
        return
    if connection.vendor == "postgresql":
        table, names = connection.ops.quote_name(model._meta.db_table), map(connection.ops.quote_name, columns)
        statement = f"COPY {table} ({', '.join(names)}) FROM STDIN"
        with connection.cursor() as cursor, connection.wrap_database_errors, cursor.cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
        return
    made = [model(**dict(zip(columns, row, strict=True))) for row in rows]
    model._default_manager.bulk_create(made, batch_size=INSERT_BATCH)


def insert_objects(objects: Sequence[Model]) -> bool:
    """Insert many new objects of one model; True when they know their ids afterwards (MySQL does not tell them).

    PostgreSQL: ids are taken from the sequence first and the rows are copied in, which is four times as fast as
    ``bulk_create``.  Elsewhere that is what happens.
    """
    if not objects:
        return True
    model = type(objects[0])
    if connection.vendor != "postgresql":
        made = model._default_manager.bulk_create(objects, batch_size=INSERT_BATCH)
        return all(one.pk for one in made)
    fields = [field for field in model._meta.concrete_fields if not field.generated]
    now = timezone.now()
    for one, number in zip(objects, _next_ids(model, len(objects)), strict=True):
        one.pk = number
    stamped = [field.attname for field in fields if _is_stamped(field)]
    as_json = [place for place, field in enumerate(fields) if isinstance(field, JSONField)]
    values_of = attrgetter(*(field.attname for field in fields))
    rows = []
    for one in objects:
        for name in stamped:
            setattr(one, name, now)
        row = list(values_of(one))
        for place in as_json:
            if row[place] is not None:
                row[place] = orjson.dumps(row[place]).decode()
        rows.append([str(value) if isinstance(value, str) else value for value in row])
        one._state.adding = False
    insert_rows(model, [str(field.column) for field in fields], rows)
    return True


def insert_values(model: type[Model], columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[Any]:
    """Insert many new rows of plain values and return their ids, each None where the database does not tell (MySQL).

    Columns that are left out get the default of their field.  As ``insert_objects``, without an object for each row,
    which costs more than the insert itself.  Words of ours (enumerations) are to be given as plain text.
    """
    if not rows:
        return []
    fields = {field.attname: field for field in model._meta.concrete_fields if not field.generated}
    if connection.vendor != "postgresql":
        made = [model(**dict(zip(columns, row, strict=True))) for row in rows]
        return [one.pk for one in model._default_manager.bulk_create(made, batch_size=INSERT_BATCH)]
    now = timezone.now()
    left_out = [field for name, field in fields.items() if name not in columns and not field.primary_key]
    same = [now if _is_stamped(field) else _for_copy(field.get_default(), field) for field in left_out]
    as_json = [place for place, name in enumerate(columns) if isinstance(fields[name], JSONField)]
    ids = _next_ids(model, len(rows))
    complete = []
    for number, row in zip(ids, rows, strict=True):
        values = [*row, *same, number]
        for place in as_json:
            values[place] = orjson.dumps(values[place]).decode()
        complete.append(values)
    names = [*(str(fields[name].column) for name in columns), *(str(field.column) for field in left_out)]
    insert_rows(model, [*names, str(model._meta.pk.column)], complete)
    return ids


def delete_in_batches(rows: QuerySet[Any], *, size: int) -> int:
    """Delete these rows and return how many there were.  In an order that an index serves, given by the caller.

    Short statements, each for itself: a long one would hold locks on tables that every request reads.
    """
    deleted = 0
    while keys := list(rows.values_list("pk", flat=True)[:size]):
        rows.model._base_manager.filter(pk__in=keys).delete()
        deleted += len(keys)
    return deleted


def tell_planner(*models: type[Model]) -> None:
    """After a table has grown many times over.  PostgreSQL keeps the plan by which it checks foreign keys for the
    length of a session: made while the table was nearly empty, it reads the whole table for every new row.
    """
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        for model in models:
            cursor.execute(f"ANALYZE {connection.ops.quote_name(model._meta.db_table)}")


def _next_ids(model: type[Model], count: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)",
            [model._meta.db_table, count],
        )
        return [number for (number,) in cursor.fetchall()]


def _is_stamped(field: Field[Any, Any]) -> bool:
    return bool(getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False))


def _for_copy(value: Any, field: Field[Any, Any]) -> Any:
    if isinstance(field, JSONField) and value is not None:
        return orjson.dumps(value).decode()
    # Words of ours are a kind of text, and the driver takes text.
    return str(value) if isinstance(value, str) else value


def update_rows(model: type[Model], columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Write plain columns of many rows, each row's id last.  One statement sent many times (PostgreSQL: in one
    go): a tenth of the time of ``bulk_update``, whose CASE grows with every row."""
    if not rows:
        return
    quote = connection.ops.quote_name
    given = ", ".join(f"{quote(column)} = %s" for column in columns)
    statement = f"UPDATE {quote(model._meta.db_table)} SET {given} WHERE id = %s"  # noqa: S608
    with connection.cursor() as cursor:
        if len(rows) == 1:
            cursor.execute(statement, tuple(rows[0]))
        else:
            cursor.executemany(statement, [tuple(row) for row in rows])


def update_objects(objects: Sequence[Model], names: Sequence[str]) -> None:
    """The same for objects and any of their fields, as ``save(update_fields=names)`` of each would do it."""
    if not objects:
        return
    model = type(objects[0])
    fields: list[Any] = [model._meta.get_field(name) for name in names]
    rows = [
        [*(field.get_db_prep_save(field.pre_save(one, False), connection) for field in fields), one.pk]
        for one in objects
    ]
    update_rows(model, [field.column for field in fields], rows)


def gave_up_waiting(error: OperationalError) -> bool:
    """The statement ended because somebody else held what it needed, not because the server is away."""
    return bool(error_codes(error) & _WAITED_IN_VAIN) or "database is locked" in str(error)


def error_codes(error: BaseException) -> set[str]:
    """What the database called it: SQLSTATE, and the number or word in front.  MariaDB's drivers have both."""
    sqlstate = getattr(error.__cause__, "sqlstate", None)
    return {str(code) for code in (sqlstate, *error.args[:1]) if code}
