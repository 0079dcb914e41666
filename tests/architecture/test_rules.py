"""Rules of the house that an import contract can't see (architecture §8)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
APPS = ROOT / "apps"

PURE_ROOMS = {"services", "models", "querysets", "tasks"}
PRIVATE_ROOMS = {"tasks", "streams", "admin", "api", "cache", "clients", "management", "schedules", "checks", "signals"}
KEY_ROOMS = {"keys", "cache", "streams"}
REDIS_KEY = re.compile(r"^(cache|stream|task|lock|process|counter|taskhub):[a-z{%*]")


def sources(folder: Path) -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(folder.rglob("*.py")):
        if "migrations" not in path.parts:
            yield path, ast.parse(path.read_text(encoding="utf-8"))


def place(path: Path) -> tuple[str, str]:
    """App and room of a file below apps/."""
    parts = path.relative_to(APPS).with_suffix("").parts
    return parts[0], parts[1] if len(parts) > 1 else ""


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def called(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.func.attr, node


def test_services_models_querysets_and_tasks_know_nothing_of_http() -> None:
    offenders = [
        f"{path.relative_to(ROOT)}: {name}"
        for path, tree in sources(APPS)
        if place(path)[1] in PURE_ROOMS and place(path)[0] != "core"
        for name in imported(tree)
        if name.split(".")[:2] == ["django", "http"] or name.startswith("rest_framework")
    ]

    assert offenders == []


def test_no_app_enters_a_private_room_of_its_neighbour() -> None:
    offenders = []
    for path, tree in sources(APPS):
        app, _ = place(path)
        for name in imported(tree):
            parts = name.split(".")
            is_neighbour = len(parts) >= 3 and parts[0] == "apps" and parts[1] not in {app, "core"}
            if is_neighbour and parts[2] in PRIVATE_ROOMS:
                offenders.append(f"{path.relative_to(ROOT)}: {name}")

    assert offenders == []


def test_work_leaves_only_through_the_hub() -> None:
    offenders = [
        f"{path.relative_to(ROOT)}:{call.lineno}"
        for path, tree in [*sources(APPS), *sources(ROOT / "project")]
        if "taskhub" not in path.parts
        for name, call in called(tree)
        if name in {"delay", "apply_async", "send_task"}
    ]

    assert offenders == []


def test_no_model_is_looked_up_by_a_string_outside_the_audit_registry() -> None:
    allowed = {APPS / "audit" / "registry.py", APPS / "users" / "signals.py"}
    offenders = [
        f"{path.relative_to(ROOT)}:{call.lineno}"
        for path, tree in sources(APPS)
        if path not in allowed
        for name, call in called(tree)
        if name == "get_model"
    ]

    assert offenders == []


def test_redis_keys_are_spelled_only_in_their_rooms() -> None:
    offenders = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.value}"
        for path, tree in [*sources(APPS), *sources(ROOT / "project")]
        if path.stem not in KEY_ROOMS and path.parent.name not in KEY_ROOMS
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and REDIS_KEY.match(node.value)
    ]

    assert offenders == []


def test_doors_write_only_through_services() -> None:
    """Views and admin pages never save, create, update or delete rows themselves."""
    writing = {"save", "bulk_create", "bulk_update", "get_or_create", "update_or_create"}
    offenders = [
        f"{path.relative_to(ROOT)}:{call.lineno}: .{name}()"
        for path, tree in sources(APPS)
        if place(path)[1] in {"admin", "api"} and place(path)[0] != "core"
        for name, call in called(tree)
        if name in writing
    ]

    assert offenders == []


def test_models_have_no_effects_in_save() -> None:
    offenders = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path, tree in sources(APPS)
        if place(path)[1] == "models"
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        and node.name in {"save", "delete"}
        # append-only tables refuse both; that is a guard, no effect
        and not any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
    ]

    assert offenders == []


def test_every_command_has_a_test() -> None:
    commands = {path.stem for path in APPS.glob("*/management/commands/*.py") if path.stem != "__init__"}
    tests = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))

    assert sorted(name for name in commands if not re.search(rf"\b{name}\b", tests)) == []


def test_every_hub_task_has_a_test() -> None:
    constants = [
        node.targets[0].id
        for path in APPS.glob("*/task_names.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    ]
    tests = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))

    assert [name for name in constants if not re.search(rf"\b({name}|{name.lower()})\b", tests)] == []


def test_no_lazy_sentence_is_fixed_in_one_language_below_the_doors() -> None:
    """``_("…") % {…}`` with a lazy ``_``: both languages of an answer would say the same; see ``errors.worded``."""
    offenders = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path, tree in sources(APPS)
        if place(path)[1] in {"services", "models", "errors", "clients", "tasks"}
        for node in ast.walk(tree)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and _calls(node.left) in _lazy_names(tree)
    ]

    assert offenders == []


def _calls(node: ast.AST) -> str:
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""


def _lazy_names(tree: ast.Module) -> set[str]:
    return {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation"
        for alias in node.names
        if alias.name.endswith("_lazy")
    }


def test_no_module_is_a_catch_all() -> None:
    banned = {"utils", "helpers", "common", "misc", "manager", "data"}

    assert [str(path.relative_to(ROOT)) for path, _ in sources(APPS) if path.stem in banned] == []
