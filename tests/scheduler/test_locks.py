"""One contract for every lock backend, on the real services (decision 18)."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from django.db import connection, connections

from apps.scheduler.errors import LockUnavailable
from apps.scheduler.locks import BACKENDS, LockBackend, backend
from apps.scheduler.locks.lease import RENEW_SECONDS, StandbyLease

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=sorted(BACKENDS))
def locks(request: pytest.FixtureRequest) -> LockBackend:
    return backend(request.param)


def test_a_free_lock_is_taken_and_then_held(locks: LockBackend) -> None:
    lease = locks.acquire("beat", holder="a", ttl_seconds=5, purpose="test")

    assert lease is not None
    assert (lease.name, lease.holder, lease.term) == ("beat", "a", 1)
    assert locks.holder_of("beat") == "a"
    assert locks.acquire("beat", holder="b", ttl_seconds=5) is None
    assert locks.acquire("beat", holder="a", ttl_seconds=5) is None
    assert locks.acquire("other", holder="b", ttl_seconds=5) is not None


def test_a_released_lock_goes_to_the_next_with_a_higher_term(locks: LockBackend) -> None:
    first = locks.acquire("beat", holder="a", ttl_seconds=5)
    assert first is not None

    assert locks.release(first) is True
    assert locks.holder_of("beat") is None
    second = locks.acquire("beat", holder="b", ttl_seconds=5)

    assert second is not None
    assert (second.term, second.token == first.token) == (2, False)
    assert locks.release(first) is False
    assert locks.holder_of("beat") == "b"


def test_an_expired_lock_is_lost_for_its_holder(locks: LockBackend) -> None:
    first = locks.acquire("beat", holder="a", ttl_seconds=0.3)
    assert first is not None
    wait_until(lambda: locks.holder_of("beat") is None)

    second = locks.acquire("beat", holder="b", ttl_seconds=5)

    assert second is not None
    assert second.term == 2
    assert locks.renew(first, ttl_seconds=5) is False
    assert locks.release(first) is False
    assert locks.holder_of("beat") == "b"


def test_renewing_keeps_a_lock_beyond_its_first_expiry(locks: LockBackend) -> None:
    lease = locks.acquire("beat", holder="a", ttl_seconds=0.4)
    assert lease is not None

    assert locks.renew(lease, ttl_seconds=30) is True
    wait_until_monotonic(time.monotonic() + 0.6)

    assert locks.holder_of("beat") == "a"
    assert locks.renew(lease, ttl_seconds=30) is True


def test_of_many_at_once_exactly_one_gets_it(locks: LockBackend) -> None:
    taken: list[Any] = []
    gate = threading.Barrier(8)

    def contend(number: int) -> None:
        try:
            gate.wait()
            taken.append(locks.acquire("beat", holder=f"h{number}", ttl_seconds=5))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=contend, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(taken) == 8
    assert len([lease for lease in taken if lease is not None]) == 1


def test_redis_away_is_said_as_lock_unavailable(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    with pytest.raises(LockUnavailable):
        backend("redis").acquire("beat", holder="a", ttl_seconds=5)


def test_a_table_that_is_gone_is_said_as_lock_unavailable() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE task_locks RENAME TO task_locks_away")
    try:
        with pytest.raises(LockUnavailable):
            backend("database").acquire("beat", holder="a", ttl_seconds=5)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE task_locks_away RENAME TO task_locks")


@pytest.mark.parametrize("name", sorted(BACKENDS))
def test_a_standby_takes_over_when_the_holder_resigns(name: str, settings: Any) -> None:
    settings.LOCK_BACKEND = name
    leader, standby = StandbyLease("beat", "a"), StandbyLease("beat", "b")

    assert (leader.held(0.0), standby.held(0.0)) == (True, False)
    assert (leader.held(RENEW_SECONDS + 1), standby.held(RENEW_SECONDS + 1)) == (True, False)
    leader.resign()

    assert standby.held(RENEW_SECONDS * 2) is True
    assert leader.held(RENEW_SECONDS * 3) is False


def test_without_the_lock_service_everybody_works(settings: Any) -> None:
    settings.LOCK_BACKEND = "redis"
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    assert StandbyLease("beat", "a").held(0.0) is True
    assert StandbyLease("beat", "b").held(0.0) is True


def wait_until(condition: Any, *, seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def wait_until_monotonic(moment: float) -> None:
    while time.monotonic() < moment:
        time.sleep(0.02)
