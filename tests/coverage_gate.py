"""The figures that a test run must reach (decision 26): 80 % of everything, 90 % of the services.

python -m tests.coverage_gate        after pytest --cov
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

import coverage
import orjson

LEAST_OVERALL = 80.0
LEAST_SERVICES = 90.0
SERVICES = re.compile(r"^apps/[a-z]+/services(\.py|/)")
REPORT = Path(".local/coverage.json")
WEAKEST = 8


@dataclass(frozen=True)
class Share:
    """Lines that ran, of lines that could."""

    ran: int
    lines: int

    @property
    def percent(self) -> float:
        return 100.0 * self.ran / self.lines if self.lines else 100.0


def main() -> int:
    REPORT.parent.mkdir(exist_ok=True)
    data = coverage.Coverage()
    data.load()
    data.json_report(outfile=str(REPORT))
    files = {name: summary(entry) for name, entry in orjson.loads(REPORT.read_bytes())["files"].items()}
    overall = total(files)
    services = total({name: share for name, share in files.items() if SERVICES.match(name)})
    print(f"coverage: {overall.percent:.1f} % of all lines, {services.percent:.1f} % of the services")
    if overall.percent >= LEAST_OVERALL and services.percent >= LEAST_SERVICES:
        return 0
    print(f"the gate: {LEAST_OVERALL:.0f} % and {LEAST_SERVICES:.0f} %; the most lines without a test:")
    for name, share in sorted(files.items(), key=lambda item: item[1].ran - item[1].lines)[:WEAKEST]:
        print(f"  {name}: {share.lines - share.ran} of {share.lines} lines ({share.percent:.0f} %)")
    return 1


def summary(entry: dict[str, dict[str, int]]) -> Share:
    return Share(ran=entry["summary"]["covered_lines"], lines=entry["summary"]["num_statements"])


def total(files: dict[str, Share]) -> Share:
    return Share(ran=sum(share.ran for share in files.values()), lines=sum(share.lines for share in files.values()))


if __name__ == "__main__":
    sys.exit(main())
