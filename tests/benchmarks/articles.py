"""The public list beside FastAPI + SQLAlchemy and a plain DRF list; a large table beside a small one; gathering.

Requests a second: three servers by granian on the same rows, asked in turns over 16 kept connections by a client that
does nothing but write and count.  Reads of a large table are the loads behind a cache miss and the admin's lists.
Feeds are those of the shared collection where it is present, else our own fixtures.
"""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import feedparser
import httpx
from django.db import connection, connections, transaction
from django.utils import timezone

from apps.articles import cache
from apps.articles.clients.parsers import parse
from apps.articles.models import Article, PendingArticle, Source
from apps.articles.services import Answer, Arrival, RunOrder, begin_run, record_fetched, store_items
from apps.articles.services.finding import write_new_title_keys
from apps.core import redis as core_redis
from project.local_run import Address, processes
from tests.articles.feeds import FIXTURES, SHARED
from tests.benchmarks.harness import Row, interleaved, row
from tests.benchmarks.orders_load import Connection
from tests.factories.articles import ArticleFactory, SourceFactory
from tests.faults.processes import Process, wait_until

OURS, FASTAPI, PLAIN = 8071, 8072, 8073
SMALL, LARGE = 1_000, 100_000
CONNECTIONS = 16
SECONDS = 2.0
ROUNDS = 5
READERS = 500
PATH = "/api/v1/articles"
SUMMARY = "The main event of the evening was moved to Saturday, and so were the weigh-ins and both press calls. " * 3


def run() -> list[Row]:
    logging.getLogger("apps").setLevel(logging.ERROR)
    sources = [SourceFactory(language="en" if number % 2 else "zh-hans") for number in range(20)]
    _fill(sources, SMALL)
    small = _reads(sources[3])
    rows = _served() if connection.vendor == "postgresql" else []
    _fill(sources, LARGE)
    rows += _size_rows(small, _reads(sources[3]))
    rows += [_stampede()]
    rows += _feeds()
    return rows


def _fill(sources: list[Source], upto: int) -> None:
    """Articles up to this number; every fiftieth has the word that is searched for."""
    now = timezone.now()
    first = Article.objects.count()
    for start in range(first, upto, 5_000):
        made = Article.objects.bulk_create(
            ArticleFactory.build(
                source=sources[number % len(sources)],
                language=sources[number % len(sources)].language,
                title=f"Fight week {number}: {'Shanghai' if number % 50 == 0 else 'everywhere'}",
                summary=SUMMARY,
                identity_hash=f"{number:064d}",
                published_at=now - timedelta(minutes=number),
            )
            for number in range(start, min(start + 5_000, upto))
        )
        write_new_title_keys(made)
    with transaction.atomic():
        cache.forget_public_list(recount=True)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # As autovacuum leaves it: counting reads the index alone.
            cursor.execute("VACUUM ANALYZE articles")
            cursor.execute("VACUUM ANALYZE article_title_keys")


# --- requests a second ------------------------------------------------------------------------------------------------
def _served() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder, _servers(Path(folder)):
        rates = interleaved(
            {str(port): (lambda port=port: _rate(port)) for port in (OURS, FASTAPI, PLAIN)},  # type: ignore[misc]
            rounds=ROUNDS,
        )
        size = len(httpx.get(f"http://127.0.0.1:{OURS}{PATH}").content)
    print(f"  an answer of ours has {size:,} bytes", flush=True)
    return [
        row("cached list ÷ FastAPI + SQLAlchemy", rates[str(OURS)], rates[str(FASTAPI)], unit="per s", rounds=ROUNDS),
        row("cached list ÷ DRF list, plain", rates[str(OURS)], rates[str(PLAIN)], unit="per s", rounds=ROUNDS),
    ]


@contextmanager
def _servers(folder: Path) -> Iterator[None]:
    (web,) = [one for one in processes(Address("127.0.0.1", OURS), dict(os.environ)) if one.name == "web"]
    common = {"DATABASE_POOL": "1", "SECURE_COOKIES": "0", "LOG_DIR": str(folder / "logs")}
    ours = Process("ours", _command(web.command, OURS), folder, DJANGO_SETTINGS_MODULE="project.settings", **common)
    plain = Process(
        "plain",
        _command(web.command, PLAIN, target="tests.benchmarks.articles_plain_urls:application"),
        folder,
        DJANGO_SETTINGS_MODULE="tests.benchmarks.articles_plain",
        **common,
    )
    peer = Process(
        "fastapi",
        _command(web.command, FASTAPI, target="tests.benchmarks.articles_fastapi:application", interface="asgi"),
        folder,
    )
    with ours, plain, peer:
        for process, port in ((ours, OURS), (plain, PLAIN), (peer, FASTAPI)):
            wait_until(lambda port=port: _answers(port), seconds=60, what=f"{process.name} answers, see {process.log}")  # type: ignore[misc]
        yield


def _command(web: tuple[str, ...] | list[str], port: int, *, target: str = "", interface: str = "wsgi") -> list[str]:
    command = list(web)
    command[command.index("--port") + 1] = str(port)
    command[command.index("--interface") + 1] = interface
    if interface == "asgi":
        place = command.index("--blocking-threads")
        del command[place : place + 2]
    if target:
        command[-1] = target
    return command


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}{PATH}", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def _rate(port: int) -> float:
    return asyncio.run(_ask(port))


async def _ask(port: int) -> float:
    request = f"GET {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    opened = [await Connection.open(port) for _ in range(CONNECTIONS)]
    until = time.perf_counter() + SECONDS

    async def keep_asking(one: Connection) -> int:
        count = 0
        while time.perf_counter() < until:
            status = await one.ask(request)
            if status != 200:
                raise SystemExit(f"port {port} answered {status}")
            count += 1
        return count

    began = time.perf_counter()
    counts = await asyncio.gather(*(keep_asking(one) for one in opened))
    seconds = time.perf_counter() - began
    for one in opened:
        one.close()
    return sum(counts) / seconds


# --- a large table beside a small one ---------------------------------------------------------------------------------
def _reads(source: Source) -> dict[str, float]:
    """Milliseconds of each read, without the cache."""
    by_cursor = {"by_cursor": True}
    reads: dict[str, Callable[[], Any]] = {
        "list by cursor": lambda: cache.load_public_list(cache.ListQuery(**by_cursor)),
        "list by source, cursor": lambda: cache.load_public_list(cache.ListQuery(source_id=source.pk, **by_cursor)),
        "list by language, cursor": lambda: cache.load_public_list(cache.ListQuery(language="en", **by_cursor)),
        "first page with its total": cache.load_public_list,
        "admin list": lambda: list(Article.objects.for_admin_list().order_by("-id")[:51]),
        "admin search": lambda: _search("shanghai"),
        "admin search, two words": lambda: _search("fight shanghai"),
        "admin search, a beginning": lambda: _search("shang"),
        "admin search, no such word": lambda: _search("hanghai"),
    }
    return interleaved({name: (lambda read=read: _milliseconds(read)) for name, read in reads.items()}, rounds=15)  # type: ignore[misc]


def _search(text: str) -> list[Article]:
    return list(Article.objects.for_admin_list().found_by(text).order_by("-id")[:20])


def _milliseconds(read: Callable[[], Any]) -> float:
    started = time.perf_counter()
    read()
    return (time.perf_counter() - started) * 1000


def _size_rows(small: dict[str, float], large: dict[str, float]) -> list[Row]:
    return [
        row(f"{LARGE:,} articles ÷ {SMALL:,}: {name}", large[name], small[name], unit="ms", rounds=15) for name in small
    ]


# --- stampede ---------------------------------------------------------------------------------------------------------
def _stampede() -> Row:
    """So many readers at the moment when the entry has ended; how many of them read the database."""
    core_redis.client().delete(cache.LIST_KEY)
    loads: list[int] = []
    gate = threading.Barrier(READERS)

    def load() -> dict[str, Any]:
        loads.append(1)
        return cache.load_public_list()

    def read() -> None:
        gate.wait()
        try:
            cache._LIST.get(cache.LIST_KEY, load=load)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=read) for _ in range(READERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return row(f"{READERS} readers at expiry: database reads ÷ 1", len(loads), 1, unit="reads", rounds=1)


# --- feeds ------------------------------------------------------------------------------------------------------------
def _feeds() -> list[Row]:
    folder = SHARED if SHARED.is_dir() else FIXTURES
    feeds = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}
    print(f"  {len(feeds)} feeds", flush=True)
    rates = interleaved({"ours": lambda: _take_in(feeds), "feedparser": lambda: _only_parse(feeds)}, rounds=3)
    again = _writes_of_a_second_poll(feeds)
    return [
        row("feeds parsed, cleaned, stored ÷ feedparser", rates["ours"], rates["feedparser"], unit="items/s", rounds=3),
        row("second poll: writes to pieces and articles ÷ 1", again, 1, unit="writes", rounds=1),
    ]


def _only_parse(feeds: dict[str, bytes]) -> float:
    started = time.perf_counter()
    items = sum(len(feedparser.parse(body).entries) for body in feeds.values())
    return items / (time.perf_counter() - started)


def _take_in(feeds: dict[str, bytes]) -> float:
    """Each feed as a new source, so that every item is new."""
    mark = time.perf_counter_ns()
    sources = {name: SourceFactory(source_url=f"https://{mark}.example/{name}") for name in feeds}
    started = time.perf_counter()
    items = sum(_poll(sources[name], feeds[name], mark) for name in feeds)
    return items / (time.perf_counter() - started)


def _poll(source: Source, body: bytes, mark: int) -> int:
    """What a worker and a consumer do, without the network and the stream between them."""
    try:
        feed = parse("generic", body, url=source.source_url)
    except Exception as error:  # a collection holds what is no feed too
        print(f"  {source.source_url}: {error}")
        return 0
    order = begin_run(source.pk, task_id="bench")
    assert isinstance(order, RunOrder)
    record_fetched(
        order.run_id, Answer(http_status=200), items=[(item.url, item.title, item.guid) for item in feed.items]
    )
    arrivals = [
        Arrival.from_message(
            {
                "run_id": order.run_id,
                "source_id": source.pk,
                "url": order.url,
                "position": position,
                # Another server in each round: the same address of two sources is one piece.
                "item": item.as_message() | {"url": item.url.replace("://", f"://{mark}.", 1)},
            }
        )
        for position, item in enumerate(feed.items)
    ]
    for start in range(0, len(arrivals), 100):
        store_items(arrivals[start : start + 100])
    return len(arrivals)


def _writes_of_a_second_poll(feeds: dict[str, bytes]) -> int:
    mark = time.perf_counter_ns()
    sources = {name: SourceFactory(source_url=f"https://again{mark}.example/{name}") for name in feeds}
    for name, body in feeds.items():
        _poll(sources[name], body, mark)
    writes: list[str] = []

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        verb, _, rest = sql.lstrip().partition(" ")
        tables = (PendingArticle._meta.db_table, "pending_article_revisions", Article._meta.db_table)
        if verb in {"INSERT", "UPDATE", "DELETE"} and any(f'"{name}"' in rest[:60] for name in tables):
            writes.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        for name, body in feeds.items():
            _poll(sources[name], body, mark)
    return len(writes)
