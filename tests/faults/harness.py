"""What every fault shares: a scratch database, an empty Redis database, the table and the JSON file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson
from django.db import connection

from apps.core import redis as core_redis

FOLDER = Path(__file__).resolve().parents[2] / ".local" / "faults"


@dataclass(frozen=True, slots=True)
class Row:
    """One fault.  ``lost``: submitted and never finished; ``doubled``: effects that happened twice.

    ``seconds_to_recover``: from the last blow until everything was finished.
    """

    row: str
    submitted: int
    finished: int
    lost: int
    doubled: int
    seconds_to_recover: float


@contextmanager
def scratch(name: str) -> Iterator[None]:
    """A migrated database beside the configured one, dropped at the end; Redis is emptied before and after."""
    original = connection.settings_dict["NAME"]
    test = connection.settings_dict["TEST"]
    if not test.get("NAME"):
        test["NAME"] = f"{original}.faults" if connection.vendor == "sqlite" else f"faults_{name}_{original}"
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    core_redis.client().flushdb()
    try:
        yield
    finally:
        connection.creation.destroy_test_db(original, verbosity=0)
        core_redis.client().flushdb()


def report(name: str, rows: list[Row]) -> bool:
    """Print the table, write ``.local/faults/<name>.json``; False when anything was lost or doubled."""
    width = max(len(item.row) for item in rows)
    print(f"\n{name} on {connection.vendor}")
    print(f"{'fault':<{width}}  {'submitted':>9}  {'finished':>8}  {'lost':>5}  {'doubled':>7}  {'recovered in s':>14}")
    for item in rows:
        print(
            f"{item.row:<{width}}  {item.submitted:>9,}  {item.finished:>8,}  {item.lost:>5,}  {item.doubled:>7,}  "
            f"{item.seconds_to_recover:>14,.1f}"
        )
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{name}.json"
    path.write_bytes(orjson.dumps([asdict(item) for item in rows], option=orjson.OPT_INDENT_2))
    print(f"written: {path.relative_to(FOLDER.parents[1])}", flush=True)
    return all(item.lost == 0 and item.doubled == 0 for item in rows)
