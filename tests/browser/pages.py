"""Every page of the back-office, found by walking the registry: a new admin room needs no line here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.urls import NoReverseMatch, reverse

LIST_BUDGET = 12
FORM_BUDGET = 15

# Twelve of the page itself; the search for candidates goes through its steps, from the sure to the vague.
BUDGETS = {"fighters-unmatchedname-desk": 24}

# Pages that belong to no model: name of the route, most queries.
SINGLE = (
    ("admin:index", FORM_BUDGET),
    ("system", LIST_BUDGET),
    ("admin:password_change", LIST_BUDGET),
    ("admin:password_change_done", LIST_BUDGET),
)


@dataclass(frozen=True)
class Page:
    name: str
    path: str
    budget: int
    dialogs: bool = False


def pages(user: Any) -> list[Page]:
    """All pages that the present database has for this user, who may see everything."""
    request = RequestFactory().get("/")
    request.user = user
    found = [Page(name.removeprefix("admin:"), reverse(name), budget) for name, budget in SINGLE]
    labels: set[str] = set()
    for model, model_admin in sorted(admin.site._registry.items(), key=lambda item: item[0]._meta.label):
        labels.add(model._meta.app_label)
        found += _pages_of(model, model_admin, request)
    client = Client()
    client.force_login(user)
    found = [page for page in found if _is_page(client, page.path)]
    found += [
        Page(f"{label}-app", reverse("admin:app_list", args=[label]), LIST_BUDGET)
        for label in sorted(labels)
        if _has_app_page(label)
    ]
    return found


def _is_page(client: Client, path: str) -> bool:
    """Not the routes that only take a POST, hand out a file or answer a part of a page.  What fails is one."""
    client.raise_request_exception = False
    response = client.get(path, secure=False)
    if response.status_code == 405 or response.has_header("Content-Disposition"):
        return False
    return response.status_code != 200 or b"<html" in response.content


def _has_app_page(label: str) -> bool:
    try:
        reverse("admin:app_list", args=[label])
    except NoReverseMatch:
        return False
    return True


def _pages_of(model: type[models.Model], model_admin: Any, request: HttpRequest) -> list[Page]:
    prefix = f"{model._meta.app_label}_{model._meta.model_name}"
    actions = {action.action_name for action in _actions(model_admin)}
    row = model_admin.get_queryset(request).first()
    found = []
    for pattern in model_admin.get_urls():
        name = pattern.name or ""
        if not name or name in actions or not _allowed(name.removeprefix(f"{prefix}_"), model_admin):
            continue
        arguments = list(pattern.pattern.converters)
        if arguments and (row is None or len(arguments) > 1):
            continue
        is_list = name.endswith("_changelist")
        page = name.replace("_", "-")
        found.append(
            Page(
                name=page,
                path=reverse(f"admin:{name}", args=[row.pk] if arguments else []),
                budget=BUDGETS.get(page, LIST_BUDGET if is_list else FORM_BUDGET),
                dialogs=is_list or name.endswith("_change"),
            )
        )
    return found


def _actions(model_admin: Any) -> list[Any]:
    return [
        *model_admin._get_base_actions_list(),
        *model_admin._get_base_actions_row(),
        *model_admin._get_base_actions_detail(),
    ]


def _allowed(page: str, model_admin: Any) -> bool:
    wanted = {"add": "may_add", "delete": "may_delete"}.get(page)
    return wanted is None or bool(getattr(model_admin, wanted, False))
