"""Every list of the back-office: as many queries for 20 rows as for 2, a committed number, and no write on a GET."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from factory.django import DjangoModelFactory

from tests import factories
from tests.factories.users import UserFactory
from tests.query_counts import check_count

LIST_BUDGET = 12
FORM_BUDGET = 15
WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE")
# What the session itself may write: its own row.
SESSION_TABLE = "django_session"


def _factories() -> dict[type[Model], type[DjangoModelFactory[Any]]]:
    """The first factory of each module that makes this model."""
    found: dict[type[Model], type[DjangoModelFactory[Any]]] = {}
    for info in pkgutil.iter_modules(factories.__path__):
        module = importlib.import_module(f"tests.factories.{info.name}")
        for value in vars(module).values():
            is_ours = isinstance(value, type) and issubclass(value, DjangoModelFactory)
            if is_ours and value.__module__ == module.__name__ and value._meta.model:
                found.setdefault(value._meta.model, value)
    return found


FACTORIES = _factories()
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
OURS = [model for model in MODELS if model.__module__.startswith("apps.")]


def label_of(model: type[Model]) -> str:
    return model._meta.label


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(UserFactory(superuser=True))
    return client


def get(client: Client, url: str) -> list[str]:
    """The SQL of a GET that must succeed."""
    with CaptureQueriesContext(
        connection,
    ) as captured:
        response = client.get(url)
        assert response.status_code == 200, (url, response.status_code)
    return [query["sql"] for query in captured.captured_queries]


def writes_among(queries: list[str]) -> list[str]:
    return [sql for sql in queries if sql.lstrip("( ").upper().startswith(WRITES) and SESSION_TABLE not in sql]


def test_every_model_in_the_back_office_has_a_factory() -> None:
    assert [label_of(model) for model in OURS if model not in FACTORIES] == []


@pytest.mark.django_db
@pytest.mark.parametrize("model", OURS, ids=label_of)
def test_a_list_asks_as_often_for_twenty_rows_as_for_two(staff: Client, model: type[Model]) -> None:
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    FACTORIES[model].create_batch(2)
    get(staff, url)  # content types and the like are looked up once per process
    for_two = get(staff, url)

    FACTORIES[model].create_batch(18)
    for_twenty = get(staff, url)

    assert len(for_twenty) == len(for_two), "\n".join(for_twenty)
    assert len(for_twenty) <= LIST_BUDGET, "\n".join(for_twenty)
    assert writes_among(for_twenty) == []
    check_count(model._meta.app_label, f"admin list {model._meta.model_name}", len(for_twenty), queries=for_twenty)


@pytest.mark.django_db
@pytest.mark.parametrize("model", OURS, ids=label_of)
def test_a_page_of_one_object_stays_within_its_budget_and_writes_nothing(staff: Client, model: type[Model]) -> None:
    obj = FACTORIES[model].create()
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[quote(obj.pk)])
    get(staff, url)

    queries = get(staff, url)

    assert len(queries) <= FORM_BUDGET, "\n".join(queries)
    assert writes_among(queries) == []
    check_count(model._meta.app_label, f"admin page {model._meta.model_name}", len(queries), queries=queries)


@pytest.mark.django_db
@pytest.mark.parametrize("model", OURS, ids=label_of)
def test_a_large_list_is_searched_without_an_error(staff: Client, model: type[Model]) -> None:
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")

    assert writes_among(get(staff, url + "?q=%25_'%22张")) == []


@pytest.mark.django_db
def test_the_first_page_stays_within_its_budget(staff: Client) -> None:
    get(staff, reverse("admin:index"))

    queries = get(staff, reverse("admin:index"))

    assert len(queries) <= FORM_BUDGET, "\n".join(queries)
    assert writes_among(queries) == []
