"""Every route of the product, found by walking the URL resolver: what the permission matrix is compared with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.urls import URLPattern, URLResolver, get_resolver

# HEAD and OPTIONS follow GET.
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True)
class Route:
    """``name`` is what ``reverse`` takes; a route without one has its pattern in angle brackets instead."""

    name: str
    pattern: str
    parameters: tuple[str, ...]
    view: Any

    def methods(self) -> tuple[str, ...]:
        """Methods a class-based view answers; a plain function is asked by GET."""
        handler = getattr(self.view, "cls", None) or getattr(self.view, "view_class", None)
        if handler is None:
            return ("GET",)
        return tuple(method for method in METHODS if hasattr(handler, method.lower()))


def all_routes() -> list[Route]:
    found = {route.name: route for route in _walk(get_resolver())}
    return list(found.values())


def model_routes() -> dict[str, str]:
    """Names of the admin pages of each registered model: ``admin:users_user_change`` -> ``users.User change``."""
    pages: dict[str, str] = {}
    names = [route.name for route in all_routes()]
    # The longest prefix first: "a_b" must not take what belongs to "a_b_c".
    models = sorted(admin.site._registry, key=lambda model: -len(model._meta.model_name or ""))
    for model in models:
        prefix = f"admin:{model._meta.app_label}_{model._meta.model_name}_"
        for name in names:
            if name.startswith(prefix) and name not in pages:
                pages[name] = f"{model._meta.label} {name.removeprefix(prefix)}"
    return pages


def _walk(resolver: URLResolver, pattern: str = "", namespace: str = "") -> Iterator[Route]:
    for entry in resolver.url_patterns:
        place = f"{pattern}{entry.pattern}"
        if isinstance(entry, URLResolver):
            yield from _walk(entry, place, f"{namespace}{entry.namespace}:" if entry.namespace else namespace)
        elif isinstance(entry, URLPattern):
            name = f"{namespace}{entry.name}" if entry.name else f"<{place}>"
            yield Route(name, place, tuple(entry.pattern.converters) or _groups(entry), entry.callback)


def _groups(entry: URLPattern) -> tuple[str, ...]:
    return tuple(entry.pattern.regex.groupindex)
