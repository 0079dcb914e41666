"""What a process hands out again without asking Redis: for a moment, and never after it forgot it itself."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import redis
from django.db import transaction

from apps.core import cache, cached
from apps.core import redis as core_redis
from apps.core.cache import CachedRead, forget, raise_generation

pytestmark = pytest.mark.django_db(transaction=True)

READ = CachedRead("test.held", ttl_seconds=60)
KEY = "cache:test:held"


@pytest.fixture(autouse=True)
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[cached.Held]:
    core_redis.client().flushdb()
    monkeypatch.setattr(cached.held, "seconds", 30.0)
    cached.held.drop()
    yield cached.held
    cached.held.drop()


def read(value: object = "of the database") -> bytes:
    return READ.get(KEY, load=lambda: value).body


def read_variant(value: object = "of the database") -> bytes:
    return READ.of_generation("test.held", KEY, "variant", load=lambda: value).body


@pytest.mark.parametrize("ask", [read, read_variant])
def test_what_redis_said_is_handed_out_without_asking_again(ask, monkeypatch) -> None:
    ask("first")
    ask()
    with monkeypatch.context() as without_redis:
        without_redis.setattr(core_redis, "client", lambda: pytest.fail("asked again"))
        assert ask("never") == b'"first"'


def test_after_its_moment_redis_is_asked_again(held: cached.Held) -> None:
    held.seconds = 0.001
    read("first")
    read()
    core_redis.client().delete(KEY)
    time.sleep(0.01)

    assert read("second") == b'"second"'


@pytest.mark.parametrize("ask", [read, read_variant])
def test_what_the_process_forgets_is_gone_with_the_commit(ask) -> None:
    ask("first")
    ask()

    with transaction.atomic():
        forget(KEY)
        raise_generation("test.held")
        assert ask("second") == b'"first"'

    assert ask("second") == b'"second"'


def test_what_was_read_before_it_was_forgotten_is_not_held(held: cached.Held) -> None:
    era = held.era
    held.drop()
    held.keep(KEY, cache.encode("old"), era)

    assert held.get(KEY) is None


def test_forgetting_without_redis_drops_what_is_held_too(monkeypatch) -> None:
    read("first")
    read()
    away = redis.ConnectionError("away")

    class Away:
        def __getattr__(self, name: str):
            raise away

    with monkeypatch.context() as without_redis:
        without_redis.setattr(core_redis, "client", Away)
        forget(KEY)
        assert read("of the database") == b'"of the database"'
    cache.breaker.reset()


def test_large_values_and_too_many_are_not_held(held: cached.Held) -> None:
    held.keep("large", cached.Cached(b"x" * (cached.MOST_HELD_BYTES + 1), ""), held.era)
    assert held.get("large") is None
    for number in range(cached.MOST_HELD + 1):
        held.keep(number, cached.Cached(b"x", ""), held.era)

    assert held.get(cached.MOST_HELD) is not None
    assert held.get(0) is None


def test_no_process_holds_anything_until_it_is_told_to() -> None:
    assert cached.Held().seconds == 0
    quiet = cached.Held()
    quiet.keep(KEY, cache.encode("x"), quiet.era)
    assert quiet.get(KEY) is None
