"""A full database out of the factories, and the texts that are data and therefore may be of any language."""

from __future__ import annotations

import contextlib
import importlib
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

import orjson
from django.apps import apps
from django.contrib import admin
from django.db import DatabaseError, models, transaction
from factory.django import DjangoModelFactory

from tests import factories

ROWS = 25
LETTERS = re.compile(r"[A-Za-z]{2}|[\u4e00-\u9fff]")


def fill() -> None:
    """Rows in every list that has a factory, in as many states as the database allows."""
    for factory in _factories():
        if factory._meta.model in admin.site._registry:
            for number, row in enumerate(factory.create_batch(ROWS)):
                _vary(row, number)


def _vary(row: models.Model, number: int) -> None:
    """Give each choice of the row another value in turn; what constraints or triggers refuse stays as it was."""
    for field in row._meta.concrete_fields:
        if field.choices:
            value = list(dict(field.flatchoices))[number % len(field.flatchoices)]
            with contextlib.suppress(DatabaseError), transaction.atomic():
                type(row)._base_manager.filter(pk=row.pk).update(**{field.attname: value})


def _factories() -> list[type[DjangoModelFactory[Any]]]:
    modules = [
        importlib.import_module(f"tests.factories.{module.name}") for module in pkgutil.iter_modules(factories.__path__)
    ]
    return [
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, DjangoModelFactory) and value.__module__ == module.__name__
    ]


def texts_of_data() -> list[str]:
    """Every text in the rows of our apps, long ones first.  Values of a choice are none: they must be translated."""
    texts: set[str] = set()
    for model in apps.get_models():
        if not model.__module__.startswith(("apps.", "django_celery_beat.")):
            continue
        fields = [
            field.attname
            for field in model._meta.concrete_fields
            if isinstance(field, models.CharField | models.TextField | models.JSONField) and not field.choices
        ]
        for values in model._base_manager.values_list(*fields)[:500] if fields else []:
            texts.update(leaf for value in values for leaf in _leaves(value))
    return sorted(texts, key=len, reverse=True)


def _leaves(value: Any) -> Iterator[str]:
    """The texts inside a value, which may be JSON."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(key)
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    elif isinstance(value, str) and value[:1] in ("{", "["):
        # JSON that is kept as text.
        with contextlib.suppress(ValueError):
            yield from _leaves(orjson.loads(value))
    elif isinstance(value, str) and LETTERS.search(value):
        yield value.strip()
