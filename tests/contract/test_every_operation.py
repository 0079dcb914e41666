"""No operation without a contract test, no contract test without an operation (decision 38)."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path

from tests.contract.operation import documented


def _covered() -> Iterator[tuple[str, str]]:
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        module = importlib.import_module(f"tests.contract.{path.stem}")
        for _, thing in inspect.getmembers(module, lambda found: hasattr(found, "pytestmark")):
            for mark in thing.pytestmark:
                if mark.name == "covers":
                    yield mark.args


def test_every_operation_has_a_contract_test() -> None:
    assert sorted(documented() - set(_covered())) == []


def test_every_contract_test_has_its_operation() -> None:
    assert sorted(set(_covered()) - documented()) == []
