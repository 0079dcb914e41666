"""Write the OpenAPI files of docs/contracts, or check that they are current (decision 38).

``manage.py openapi`` writes, ``manage.py openapi --check`` changes nothing and ends with 1 when a file is stale.
Both fail on any warning of the generator: a contract with guesses in it is none.
"""

from __future__ import annotations

import io
from argparse import ArgumentParser
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import orjson
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import translation
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer

# File and the paths it holds; api.yaml is everything.
PARTS = {"api": "", "scheduler_api": "/api/v1/scheduler", "audit_api": "/api/v1/audit"}

# Said of a name on a class with several methods.  On our views with one method it is right, and on others two
# operations would get one name, which is a warning of its own.
HARMLESS = "using @extend_schema on viewset class"


class Command(BaseCommand):
    help = "Write docs/contracts/*.yaml from the code, or compare with --check."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="write nothing; fail when a file is stale")
        parser.add_argument("--folder", type=Path, default=settings.BASE_DIR / "docs" / "contracts")

    def handle(self, *args: Any, check: bool, folder: Path, **options: Any) -> None:
        stale = []
        for name, text in contracts().items():
            path = folder / f"{name}.yaml"
            if path.exists() and path.read_text(encoding="utf-8") == text:
                continue
            if check:
                stale.append(path.name)
            else:
                folder.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
                self.stdout.write(f"wrote {path.name}")
        if stale:
            raise CommandError(f"stale: {', '.join(stale)}. Run: make openapi")


def contracts() -> dict[str, str]:
    """The text of each file.  Raises CommandError naming every warning."""
    whole = generate()
    return {name: _text(part_of(whole, prefix)) for name, prefix in PARTS.items()}


def generate() -> dict[str, Any]:
    """The whole schema, in English, the same for the same code."""
    with translation.override("en"), redirect_stderr(io.StringIO()):
        schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
        # Through JSON while English is active: plain values only, no lazy texts.
        plain: dict[str, Any] = orjson.loads(OpenApiJsonRenderer().render(schema, renderer_context={}))
    said = [*GENERATOR_STATS._error_cache, *GENERATOR_STATS._warn_cache]
    if problems := [sentence for sentence in said if HARMLESS not in sentence]:
        raise CommandError("The contract is not clear:\n" + "\n".join(problems))
    return plain


def part_of(schema: dict[str, Any], prefix: str) -> dict[str, Any]:
    """Only the paths below a prefix, and the components that they need."""
    paths = {path: item for path, item in schema["paths"].items() if path.startswith(prefix)}
    needed = _references(paths, schema)
    components = {
        kind: {name: value for name, value in entries.items() if kind == "securitySchemes" or (kind, name) in needed}
        for kind, entries in schema["components"].items()
    }
    return {**schema, "paths": paths, "components": {kind: entries for kind, entries in components.items() if entries}}


def _references(start: Any, schema: dict[str, Any]) -> set[tuple[str, str]]:
    """(kind, name) of every component that is reached from ``start``."""
    found: set[tuple[str, str]] = set()
    waiting = [start]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting.extend(node)
        elif isinstance(node, dict):
            waiting.extend(node.values())
            if isinstance(reference := node.get("$ref"), str):
                _, _, kind, name = reference.split("/")
                if (kind, name) not in found:
                    found.add((kind, name))
                    waiting.append(schema["components"][kind][name])
    return found


def _text(schema: dict[str, Any]) -> str:
    rendered: bytes = OpenApiYamlRenderer().render(schema, renderer_context={})  # type: ignore[no-untyped-call]
    return rendered.decode()
