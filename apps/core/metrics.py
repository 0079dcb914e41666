"""Metrics of all processes in one answer.

Every process counts for itself with prometheus-client and publishes its figures to Redis every few seconds
(``start_publishing("web")``); /metrics shows them all, told apart by the label ``process``.  So a scrape of any web
process sees workers and consumers too, and a restarted process is a counter reset that Prometheus understands.

Not prometheus-client's multi-process mode: its mapped files kill the process when their disk is full.  Without Redis
a scrape shows the answering process alone.  At most the last five seconds of a killed process are lost.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import redis
import structlog
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from apps.core import heartbeat, keys
from apps.core import redis as core_redis

log = structlog.get_logger(__name__)

EVERY_SECONDS = 5.0
STALE_AFTER_SECONDS = 60.0

# Figures that no process owns (queue lengths, lags): asked at each scrape.
_shared: list[Callable[[], Iterator[Metric]]] = []


def register_shared(collect: Callable[[], Iterator[Metric]]) -> None:
    """Figures of the whole product.  ``collect`` yields metric families and may raise: it is then left out."""
    _shared.append(collect)


def publish(kind: str) -> None:
    """Leave this process's figures where /metrics finds them.  Raises redis.RedisError."""
    host, pid, boot_id = heartbeat.identity()
    figures = {
        "process": f"{kind}@{host}:{pid}",
        "at": time.time(),
        "text": generate_latest(REGISTRY).decode(),
    }
    core_redis.client().hset(keys.metrics(), boot_id, orjson.dumps(figures))


def start_publishing(kind: str) -> None:
    """Publish from a daemon thread for the life of the process."""
    threading.Thread(target=_publish_for_ever, args=(kind,), name="metrics", daemon=True).start()


def _publish_for_ever(kind: str) -> None:
    while True:
        try:
            publish(kind)
        except redis.RedisError as error:
            log.info("metrics_not_published", error=str(error))
        time.sleep(EVERY_SECONDS)


def exposition() -> bytes:
    """Prometheus text of all processes and of the shared figures."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Everything())
    return generate_latest(registry)


class _Everything:
    def collect(self) -> Iterator[Metric]:
        merged: dict[str, Metric] = {}
        for process, text in _texts():
            for family in text_string_to_metric_families(text):
                _merge(merged, family, process)
        yield from merged.values()
        for collect in _shared:
            try:
                yield from list(collect())
            except Exception as error:  # noqa: BLE001  # one source that fails must not hide the others
                log.warning("metrics_source_failed", source=collect.__module__, error=str(error))


def _texts() -> Iterator[tuple[str, str]]:
    """(process, figures) of this process as they are now and of the others as they were last published."""
    host, pid, boot_id = heartbeat.identity()
    yield f"web@{host}:{pid}", generate_latest(REGISTRY).decode()
    try:
        connection = core_redis.client()
        published: Any = connection.hgetall(keys.metrics())
        for name, raw in published.items():
            figures = orjson.loads(raw)
            if time.time() - figures["at"] > STALE_AFTER_SECONDS:
                connection.hdel(keys.metrics(), name)
            elif name.decode() != boot_id:
                yield figures["process"], figures["text"]
    except redis.RedisError as error:
        log.info("metrics_incomplete", pid=os.getpid(), error=str(error))


def _merge(merged: dict[str, Metric], family: Metric, process: str) -> None:
    target = merged.setdefault(family.name, Metric(family.name, family.documentation, family.type, family.unit))
    for sample in family.samples:
        target.add_sample(sample.name, {**sample.labels, "process": process}, sample.value, sample.timestamp)
