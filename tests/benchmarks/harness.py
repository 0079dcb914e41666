"""What every bench shares: scratch database, interleaved rounds, medians, the table and the JSON file.

Contenders of one measure run in the same process in turns, each round in another order, so that a slow second of the
machine hits all of them; the median of the rounds is compared.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson
from django.apps import apps
from django.db import connection

FOLDER = Path(__file__).resolve().parents[2] / ".local" / "bench"


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison.  ``ratio`` is ours ÷ peer; a row against the plain baseline has "plain" in its measure."""

    measure: str
    ours: float
    peer: float
    ratio: float
    unit: str
    rounds: int


class NotByMigrate:
    """Database router: ``migrate`` leaves the measured tables alone."""

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        return False if app_label == "benchmarks" else None


def make_tables() -> None:
    """Create the tables of ``tests.benchmarks.models``, those that the peers added to them included."""
    with connection.schema_editor() as editor:
        for model in apps.get_app_config("benchmarks").get_models(include_auto_created=True):
            editor.create_model(model)


def row(measure: str, ours: float, peer: float, *, unit: str, rounds: int) -> Row:
    return Row(measure, round(ours, 1), round(peer, 1), round(ours / peer, 3), unit, rounds)


@contextmanager
def scratch_database(name: str) -> Iterator[None]:
    """A migrated database of its own beside the configured one; dropped at the end, whatever happens."""
    original = connection.settings_dict["NAME"]
    test = connection.settings_dict["TEST"]
    if not test.get("NAME"):
        test["NAME"] = f"bench_{name}_{original}"
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        yield
    finally:
        connection.creation.destroy_test_db(original, verbosity=0)


def interleaved(contenders: Mapping[str, Callable[[], float]], *, rounds: int) -> dict[str, float]:
    """The median of what each contender returned (a rate or a time) over the rounds, after one round to warm up."""
    order = list(contenders)
    results: dict[str, list[float]] = {name: [] for name in order}
    for number in range(-1, rounds):
        for name in order:
            gc.collect()
            value = contenders[name]()
            if number >= 0:
                results[name].append(value)
        order = order[1:] + order[:1]
    return {name: statistics.median(values) for name, values in results.items()}


def alternated(slices: Mapping[str, Callable[[int], None]], *, rounds: int, turns: int) -> dict[str, float]:
    """Seconds per turn of each contender: in every round ``turns`` short turns each, strictly one after the other.

    For work of a millisecond or so: a busy moment of the machine then costs every contender the same.  The median
    of the rounds is returned; a turn gets its number.
    """
    order = list(slices)
    results: dict[str, list[float]] = {name: [] for name in order}
    for number in range(-1, rounds):
        spent = dict.fromkeys(order, 0.0)
        gc.collect()
        gc.disable()
        try:
            for turn in range(turns):
                for name in order:
                    started = time.perf_counter()
                    slices[name](turn)
                    spent[name] += time.perf_counter() - started
                order = order[1:] + order[:1]
        finally:
            gc.enable()
        if number >= 0:
            for name, seconds in spent.items():
                results[name].append(seconds / turns)
    return {name: statistics.median(values) for name, values in results.items()}


def per_second(work: Callable[[], None], count: int) -> float:
    """How many of ``count`` things per second ``work`` did."""
    started = time.perf_counter()
    work()
    return count / (time.perf_counter() - started)


def report(name: str, rows: list[Row], *, seconds: float) -> None:
    """Print the table and write ``.local/bench/<name>.json``."""
    width = max(len(item.measure) for item in rows)
    print(f"\n{name} on {connection.vendor} ({seconds:.0f} s)")
    print(f"{'measure':<{width}}  {'ours':>10}  {'peer':>10}  {'ratio':>6}  unit (rounds)")
    for item in rows:
        print(
            f"{item.measure:<{width}}  {item.ours:>10,.1f}  {item.peer:>10,.1f}  {item.ratio:>6.3f}  "
            f"{item.unit} ({item.rounds})"
        )
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{name}.json"
    path.write_bytes(orjson.dumps([asdict(item) for item in rows], option=orjson.OPT_INDENT_2))
    print(f"written: {path.relative_to(FOLDER.parents[1])}", flush=True)
