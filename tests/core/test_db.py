"""Locking by key: the same rows, as objects of the same fields, as the ORM's own statement brings.  Rows that are made
when they are first asked for: by several at once, without locking each other out."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections, transaction

from apps.articles.models import FetchHost, PendingArticle, Source
from apps.core.db import insert_unless_there, locked, locked_by_key
from tests.factories.articles import PendingArticleFactory, SourceFactory


def values(row: PendingArticle) -> dict[str, object]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


@pytest.mark.django_db
def test_rows_come_in_the_order_of_their_keys_with_every_value_converted() -> None:
    made = [PendingArticleFactory(raw_payload={"tags": ["一", {"deep": None}]}) for _ in range(3)]
    wanted = [made[2].pk, made[0].pk]

    ours = locked_by_key(PendingArticle, wanted)

    assert [values(row) for row in ours] == [
        values(row) for row in locked(PendingArticle.objects.filter(pk__in=wanted))
    ]
    assert ours[0].raw_payload == {"tags": ["一", {"deep": None}]}
    ours[0].title = "Changed"
    ours[0].save(update_fields=["title"])
    assert PendingArticle.objects.get(pk=made[0].pk).title == "Changed"


@pytest.mark.django_db
def test_unknown_keys_and_none_at_all_bring_nothing() -> None:
    assert locked_by_key(Source, [SourceFactory().pk + 1]) == []
    assert locked_by_key(Source, []) == []


@pytest.mark.django_db(transaction=True)
def test_the_rows_are_locked_until_the_transaction_ends() -> None:
    if connection.vendor == "sqlite":
        pytest.skip("a writing transaction on SQLite is alone")
    source = SourceFactory(name="Old")
    seen: list[str] = []

    def second() -> None:
        try:
            with transaction.atomic():
                seen.append(locked_by_key(Source, [source.pk])[0].name)
        finally:
            connections.close_all()

    other = threading.Thread(target=second)
    with transaction.atomic():
        first = locked_by_key(Source, [source.pk])[0]
        other.start()
        other.join(0.3)
        assert seen == []
        first.name = "New"
        first.save(update_fields=["name"])
    other.join()

    assert seen == ["New"]


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_nothing_can_be_locked() -> None:
    if connection.vendor == "sqlite":
        pytest.skip("there are no row locks on SQLite")
    with pytest.raises(transaction.TransactionManagementError):
        locked_by_key(Source, [SourceFactory().pk])


@pytest.mark.django_db(transaction=True)
def test_whoever_comes_too_late_to_make_a_row_can_still_lock_it() -> None:
    row = FetchHost(name="first.example")
    names: list[str] = []

    def late() -> None:
        try:
            with transaction.atomic():
                insert_unless_there(FetchHost(name=row.name), unique=["name"])
                names.append(locked(FetchHost.objects.filter(name=row.name)).get().name)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(3) as pool:
        with transaction.atomic():
            insert_unless_there(row, unique=["name"])
            waiting = [pool.submit(late) for _ in range(3)]
            time.sleep(0.3)
            assert names == []
        for work in waiting:
            work.result(timeout=10)

    assert names == [row.name] * 3
    assert FetchHost.objects.count() == 1
