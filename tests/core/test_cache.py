"""Cache-aside on a real Redis: hit, fill, both deletes, races, and life without Redis (G-1 to G-4)."""

from __future__ import annotations

import threading
import time
from typing import Any

import orjson
import pytest
import redis
from django.db import transaction
from pytest_django import DjangoCaptureOnCommitCallbacks

from apps.core import cache
from apps.core import redis as core_redis
from apps.core.cache import CachedRead

KEY = "cache:test:list:v1"
READ = CachedRead("test.list", ttl_seconds=120)


class Loader:
    def __init__(self, value: Any = None) -> None:
        self.calls = 0
        self.value = value if value is not None else {"items": [1]}

    def __call__(self) -> Any:
        self.calls += 1
        return self.value


@pytest.fixture(autouse=True)
def _closed_breaker() -> None:
    cache.breaker.reset()


@pytest.fixture
def redis_away(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"


def test_a_miss_loads_once_and_fills_then_hits() -> None:
    load = Loader()

    first = READ.get(KEY, load)
    second = READ.get(KEY, load)

    assert load.calls == 1
    assert first == second
    assert orjson.loads(second.body) == {"items": [1]}
    assert second.etag.startswith('W/"')
    assert 108_000 <= core_redis.client().pttl(KEY) <= 132_000


def test_equal_data_has_an_equal_etag_and_other_data_another() -> None:
    assert cache.encode({"a": 1}).etag == cache.encode({"a": 1}).etag
    assert cache.encode({"a": 1}).etag != cache.encode({"a": 2}).etag


@pytest.mark.django_db
def test_a_commit_deletes_at_once_and_again_later(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    READ.get(KEY, Loader())
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        cache.forget(KEY)
        assert core_redis.client().exists(KEY) == 1
    assert core_redis.client().exists(KEY) == 0

    core_redis.client().set(KEY, b'W/"stale"\n{}')
    assert cache.carry_out_owed_deletes() is False
    assert core_redis.client().exists(KEY) == 1
    time.sleep(cache.SECOND_DELETE_AFTER_SECONDS)
    assert cache.carry_out_owed_deletes() is True
    assert core_redis.client().exists(KEY) == 0
    assert cache.carry_out_owed_deletes() is False


@pytest.mark.django_db(transaction=True)
def test_a_rolled_back_write_deletes_nothing() -> None:
    READ.get(KEY, Loader())

    with transaction.atomic():
        cache.forget(KEY)
        transaction.set_rollback(True)

    assert core_redis.client().exists(KEY) == 1


@pytest.mark.django_db(transaction=True)
def test_a_reader_that_began_before_the_commit_fills_nothing_after_it() -> None:
    def slow_load() -> Any:
        cache.forget(KEY)
        return {"items": ["old"]}

    READ.get(KEY, slow_load)

    assert core_redis.client().exists(KEY) == 0


def test_readers_of_an_empty_key_share_one_load() -> None:
    calls: list[int] = []

    def load() -> Any:
        calls.append(1)
        time.sleep(0.15)
        return {"items": []}

    threads = [threading.Thread(target=READ.get, args=(KEY, load)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(calls) == 1


def test_a_reader_who_missed_just_before_the_fill_does_not_load_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """It looked when nothing was there; before it asks for the lock another reader has filled and given it back."""
    READ.get(KEY, lambda: {"items": ["filled"]})
    monkeypatch.setattr(core_redis.client(), "get", lambda _key: None)

    late = READ.get(KEY, lambda: pytest.fail("loaded twice"))

    assert orjson.loads(late.body) == {"items": ["filled"]}
    assert core_redis.client().exists(f"{KEY}:lock") == 0


def test_when_the_loader_fails_another_who_waits_takes_its_turn() -> None:
    began = threading.Event()

    def fail() -> Any:
        began.set()
        time.sleep(0.1)
        raise ValueError("no such thing")

    def read_in_vain() -> None:
        with pytest.raises(ValueError, match="no such thing"):
            READ.get(KEY, fail)

    first = threading.Thread(target=read_in_vain)
    first.start()
    began.wait(5)
    waited = READ.get(KEY, lambda: {"items": ["second"]})
    first.join()

    assert orjson.loads(waited.body) == {"items": ["second"]}
    assert core_redis.client().exists(KEY) == 1


def test_a_loader_that_fails_passes_its_error_and_fills_nothing() -> None:
    def load() -> Any:
        raise LookupError("gone")

    with pytest.raises(LookupError):
        READ.get(KEY, load)

    assert core_redis.client().exists(KEY) == 0


@pytest.mark.usefixtures("redis_away")
def test_without_redis_reads_come_from_the_database_and_the_breaker_spares_the_wait() -> None:
    load = Loader()

    body = READ.get(KEY, load).body
    started = time.monotonic()
    READ.get(KEY, load)

    assert orjson.loads(body) == {"items": [1]}
    assert load.calls == 2
    assert time.monotonic() - started < 0.1


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("redis_away")
def test_without_redis_a_forget_never_fails_the_write_and_is_counted() -> None:
    before = cache.FORGET_FAILURES._value.get()

    with transaction.atomic():
        cache.forget(KEY, KEY + ":2")

    assert cache.FORGET_FAILURES._value.get() == before + 2


@pytest.mark.django_db(transaction=True)
def test_a_raised_generation_makes_every_variant_unreachable() -> None:
    assert cache.generation("test.list") == 0

    cache.raise_generation("test.list")

    assert cache.generation("test.list") == 1


def test_an_entry_of_a_generation_is_read_in_one_trip_and_gone_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    load, commands = Loader(), []

    def read() -> cache.Cached:
        return READ.of_generation("test.list", "cache:test:of", "x", load)

    assert read() == read()
    assert load.calls == 1
    asked = redis.Redis.execute_command
    monkeypatch.setattr(
        redis.Redis, "execute_command", lambda self, *told, **how: commands.append(told[0]) or asked(self, *told, **how)
    )
    read()
    assert commands == ["EVAL"]

    core_redis.client().incr("cache:test.list:generation")
    assert read() == read()
    assert load.calls == 2


@pytest.mark.usefixtures("redis_away")
def test_an_entry_of_a_generation_comes_from_the_source_while_redis_is_away() -> None:
    assert READ.of_generation("test.list", "cache:test:of", "x", Loader(7)).body == b"7"
    assert READ.of_generation("test.list", "cache:test:of", "x", Loader(8)).body == b"8"


@pytest.mark.django_db(transaction=True)
def test_what_redis_did_not_take_is_forgotten_as_soon_as_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    READ.get(KEY, lambda: {"old": True})
    connection = core_redis.client()
    monkeypatch.setattr(cache, "FORGET_AGAIN_SECONDS", 0.05)
    away = redis.Redis(host="127.0.0.1", port=1, socket_connect_timeout=0.1)

    with monkeypatch.context() as gone:
        gone.setattr(core_redis, "client", lambda: away)
        with transaction.atomic():
            cache.forget(KEY, generations=["test.list"])
        assert connection.get(KEY) is not None
    deadline = time.monotonic() + 10
    while connection.get(KEY) is not None and time.monotonic() < deadline:
        time.sleep(0.02)

    assert connection.get(KEY) is None
    cache.breaker.reset()
    assert cache.generation("test.list") == 1
