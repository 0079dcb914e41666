"""Importing all of ufcstats, and searching fighters by name, beside a plain read of one row and a peer's search.

Without the real data set beside the checkout the import is measured with snapshots made up here, of the same size.
"""

from __future__ import annotations

import csv
import gzip
import random
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import path
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from apps.core.actor import Actor
from apps.core.db import insert_objects
from apps.events.clients.ufcstats import open_dataset
from apps.events.models import Bout, Event
from apps.events.services.ufcstats import import_ufcstats
from apps.fighters.cache import load_search
from apps.fighters.models import Fighter, UnmatchedName
from apps.fighters.services import write_keys
from tests.benchmarks.harness import Row, row
from tests.benchmarks.live import beside_fastapi

IMPORTER = Actor.command("bench")
REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "mma_ufcstats"
ROWS_PER_SECOND = 5_000
ASKED = 300
ROUNDS = 3
WRITES = ("INSERT", "UPDATE", "DELETE", "COPY")

_FIRST = (
    "Jan Khabib Conor Weili Israel Alexander Dustin Jorge Kamaru Leon Sean Petr Aljamain Merab Islam Charles Justin "
    "Max Brandon Deiveson Valentina Amanda Joanna Rose Jessica Carla Mackenzie Tatiana Yan Song Jiri Glover Magomed "
    "Jamahal Alex Robert Paulo Marvin Jared Derek Ciryl Tom Curtis Sergei Alistair Junior Cain Daniel "
)
_STEMS = "nur mago ada vol hol poi mas usm edw mal yan ste dval mak oli gae hol mor fig shev nun jed nam and esp der "
_ENDS = "medov sanya kanovski loway rier vidal man ards ley ling shvili chev veira thje eno eredo chenko es zejczyk "

FIRST, STEMS, ENDS = _FIRST.split(), _STEMS.split(), _ENDS.split()


def run() -> list[Row]:
    rows = imports()
    for people in (10_000, 100_000):
        rows += searches(people)
        if people == 10_000 and connection.vendor == "postgresql":
            rows += beside_fastapi(f"/api/v1/fighters/search?q={FIRST[0]}", "cached search hit ÷ FastAPI + SQLAlchemy")
    # Each beside the plain read of the same minute: the machine may be busier in one than in the other.
    small, large = (item for item in rows if item.measure.startswith("uncached search p95"))
    measure = "uncached search p95 at 100,000 beside 10,000 fighters"
    rows.append(row(f"{measure}, raw", large.ours, small.ours, unit="ms", rounds=1))
    ratio = round(large.ratio / small.ratio, 3)
    rows.append(Row(f"{measure}, each in plain reads", large.ratio, small.ratio, ratio, "plain reads", 1))
    return rows


# --- import --------------------------------------------------------------------------------------------------------
def imports() -> list[Row]:
    source = REAL if REAL.is_dir() else Path(tempfile.mkdtemp(prefix="bench-ufcstats-"))
    if source != REAL:
        _make_snapshot(source)
    first, again, writes, grown = [], [], 0, 0.0
    for _round in range(ROUNDS):
        _forget_everything()
        rows, seconds = _imported(source)
        first.append(rows / seconds)
        tracemalloc.start()
        with CaptureQueriesContext(connection) as queries:
            _imported(source)
        grown = max(grown, tracemalloc.get_traced_memory()[0] / 1e6)
        tracemalloc.stop()
        writes = sum(query["sql"].lstrip().upper().startswith(WRITES) for query in queries)
        rows, seconds = _imported(source)
        again.append(rows / seconds)
    best, repeated = sorted(first)[len(first) // 2], sorted(again)[len(again) // 2]
    return [
        row(
            "import of all ufcstats, rows per second beside the 5,000 asked for",
            best,
            ROWS_PER_SECOND,
            unit="rows/s",
            rounds=ROUNDS,
        ),
        row("the same import again beside the first, rows per second", repeated, best, unit="rows/s", rounds=ROUNDS),
        Row("statements of the repeated import that write", float(writes), 0.0, 0.0, "statements", ROUNDS),
        Row("memory held after a repeated import", round(grown, 1), 0.0, 0.0, "MB", ROUNDS),
    ]


def _imported(source: Path) -> tuple[int, float]:
    started = time.perf_counter()
    with open_dataset(source) as dataset:
        report = import_ufcstats(dataset, actor=IMPORTER)
    return report.rows, time.perf_counter() - started


def _forget_everything() -> None:
    Bout.objects.all().delete()
    Event.objects.all().delete()
    UnmatchedName.objects.all().delete()
    Fighter.objects.all().delete()


def _make_snapshot(folder: Path) -> None:
    chance = random.Random(7)  # the same snapshot each time
    people = [_name(chance) + f" {number}" for number in range(4_500)]
    _table(
        folder / "ufc_fighter_tott.csv.gz",
        ["FIGHTER", "HEIGHT", "WEIGHT", "REACH", "STANCE", "DOB", "URL"],
        (
            [name, "5' 11\"", "155 lbs.", '72"', "Orthodox", "Jul 13, 1990", _url("fighter", number)]
            for number, name in enumerate(people)
        ),
    )
    events = [f"Night {number}" for number in range(780)]
    _table(
        folder / "ufc_event_details.csv.gz",
        ["EVENT", "URL", "DATE", "LOCATION"],
        (
            [name, _url("event", number), f"March {1 + number % 28:02d}, {2000 + number // 31}", "Las Vegas"]
            for number, name in enumerate(events)
        ),
    )
    fights = [
        [events[number % 780] + " ", " vs. ".join(chance.sample(people, 2)), chance.choice(["W/L", "L/W"]),
         "Lightweight Bout", "KO/TKO ", "2", "4:48", "3 Rnd (5-5-5)", "Al Ruiz", "Punches", _url("fight", number)]
        for number in range(8_800)
    ]  # fmt: skip
    header = [
        "EVENT",
        "BOUT",
        "OUTCOME",
        "WEIGHTCLASS",
        "METHOD",
        "ROUND",
        "TIME",
        "TIME FORMAT",
        "REFEREE",
        "DETAILS",
        "URL",
    ]
    _table(folder / "ufc_fight_results.csv.gz", header, iter(fights))
    _table(folder / "ufc_fight_details.csv.gz", ["EVENT", "BOUT", "URL"], ([one[0], one[1], one[-1]] for one in fights))


def _table(path: Path, header: list[str], lines: Any) -> None:
    with gzip.open(path, "wt", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(lines)


def _url(kind: str, number: int) -> str:
    return f"http://ufcstats.com/{kind}-details/{number:016x}"


# --- search --------------------------------------------------------------------------------------------------------
class PlainSerializer(serializers.ModelSerializer[Fighter]):
    class Meta:
        model = Fighter
        fields = ("id", "name", "name_zh", "nickname", "country", "weight_class", "record", "avatar_url")


class PlainView(APIView):
    """What DRF alone makes of one row."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = ()

    def get(self, request: Request, pk: int) -> Response:
        return Response(PlainSerializer(Fighter.objects.get(pk=pk)).data)


urlpatterns = [path("plain/<int:pk>", PlainView.as_view())]


def searches(people: int) -> list[Row]:
    """p95 of single calls, in turns, so that a busy moment of the machine meets both."""
    _fill(people)
    chance = random.Random(11)
    ids = list(Fighter.objects.values_list("id", flat=True)[:5_000])
    typed = _typed(chance)
    factory, plain = APIRequestFactory(), PlainView.as_view()
    times: dict[str, list[float]] = {"plain": [], "search": []}
    for number, text in enumerate(typed):
        request = factory.get("/plain")
        pk = chance.choice(ids)
        times["plain"].append(_taken(lambda request=request, pk=pk: plain(request, pk=pk).render()))
        times["search"].append(_taken(lambda text=text: load_search(text)))
        if number < 20:
            times = {"plain": [], "search": []}
    ninety_five = {name: sorted(values)[int(len(values) * 0.95)] * 1000 for name, values in times.items()}
    measure = f"uncached search p95 at {people:,} fighters beside a plain DRF read"
    return [
        Row(
            measure,
            round(ninety_five["search"], 2),
            round(ninety_five["plain"], 2),
            round(ninety_five["search"] / ninety_five["plain"], 3),
            "ms",
            len(typed),
        )
    ]


def _taken(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _fill(people: int) -> None:
    chance = random.Random(people)
    missing = people - Fighter.objects.count()
    for start in range(0, missing, 10_000):
        fresh = [
            Fighter(
                name=_name(chance),
                name_zh=_chinese(chance) if chance.random() < 0.2 else "",
                weight_class="Lightweight",
            )
            for _number in range(min(10_000, missing - start))
        ]
        insert_objects(fresh)
        write_keys(fighter.pk for fighter in fresh)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("ANALYZE fighter_name_keys")


def _name(chance: random.Random) -> str:
    """Some 40,000 last names, so that no name is shared by more than real ones are."""
    last = chance.choice(STEMS) + chance.choice("aeiou") + chance.choice(STEMS) + chance.choice(ENDS)
    return f"{chance.choice(FIRST)} {last.capitalize()}"


def _chinese(chance: random.Random) -> str:
    return "".join(
        chance.choice("张李王刘陈杨赵黄周吴徐孙胡朱高林何郭马罗伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超")
        for _ in range(3)
    )


def _typed(chance: random.Random) -> list[str]:
    """What people type: whole names, beginnings, the other order, Chinese and pinyin, and one in ten with an error."""
    names = list(Fighter.objects.order_by("?").values_list("name", "name_zh")[: ASKED + 20])
    asked = []
    for number, (name, chinese) in enumerate(names):
        words = name.split()
        kind = number % 10
        if kind == 0:
            place = chance.randrange(1, len(words[-1]))
            asked.append(f"{words[0]} {words[-1][:place]}{words[-1][place + 1 :]}")
        elif kind in (1, 2):
            asked.append(" ".join(reversed(words)))
        elif kind in (3, 4, 5):
            asked.append(name[: max(3, len(name) // 2)])
        elif chinese and kind in (6, 7):
            asked.append(chinese)
        else:
            asked.append(name)
    return asked
