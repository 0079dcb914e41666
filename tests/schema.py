"""Tables and indexes by name, as they stand in the database: for each app's ``test_schema.py`` (decision 3)."""

from __future__ import annotations

from collections.abc import ItemsView
from typing import Any

from django.db import connection


def tables() -> set[str]:
    with connection.cursor() as cursor:
        return set(connection.introspection.table_names(cursor))


def columns(table: str) -> set[str]:
    with connection.cursor() as cursor:
        return {column.name for column in connection.introspection.get_table_description(cursor, table)}


def indexes(table: str) -> dict[str, tuple[str, ...]]:
    """Every index and unique constraint with its columns in order."""
    return {name: tuple(about["columns"]) for name, about in _constraints(table) if about["index"] or about["unique"]}


def unique(table: str) -> dict[str, tuple[str, ...]]:
    """Unique constraints and indexes but the primary key."""
    return {
        name: tuple(about["columns"])
        for name, about in _constraints(table)
        if about["unique"] and not about["primary_key"]
    }


def checks(table: str) -> set[str]:
    return {name for name, about in _constraints(table) if about["check"]}


def foreign_keys(table: str) -> dict[str, tuple[str, str]]:
    """Keys that the database itself holds: column -> (table, column)."""
    return {about["columns"][0]: about["foreign_key"] for _, about in _constraints(table) if about["foreign_key"]}


def _constraints(table: str) -> ItemsView[str, dict[str, Any]]:
    with connection.cursor() as cursor:
        return connection.introspection.get_constraints(cursor, table).items()
