"""The page of items that the stream gave up, mixed into the admin of ingest runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.translation import gettext_lazy as _

from apps.articles import services
from apps.core.actor import Actor
from apps.core.admin import json_block
from apps.core.errors import AppError

_VIEW, _ACT = "articles.view_ingestrun", "articles.fetch_source"
_DEEDS = {
    "replay": (services.replay_dead, _("The item has been put back into the stream.")),
    "discard": (services.discard_dead, _("The item has been thrown away.")),
}


class DeadItemViews:
    admin_site: Any
    opts: Any
    address: Callable[..., str]

    def get_urls(self) -> list[Any]:
        prefix = f"{self.opts.app_label}_{self.opts.model_name}"
        ours = [
            path("dead/", self.admin_site.admin_view(self.dead), name=f"{prefix}_dead"),
            path("dead/act/", self.admin_site.admin_view(self.act), name=f"{prefix}_dead_act"),
        ]
        return [*ours, *super().get_urls()]  # type: ignore[misc]

    def dead(self, request: HttpRequest) -> HttpResponse:
        """The list, with the reason of each."""
        if not request.user.has_perm(_VIEW):
            raise PermissionDenied
        try:
            items, problem = services.dead_items(), ""
        except AppError as error:
            items, problem = [], str(error)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Items given up"),
            "items": [(item, json_block(item.body)) for item in items],
            "problem": problem,
            "may_act": request.user.has_perm(_ACT),
            "act_address": self.address("dead_act"),
            "list_address": self.address("changelist"),
        }
        return TemplateResponse(request, "articles/dead.html", context)

    def act(self, request: HttpRequest) -> HttpResponse:
        """A POST with ``deed`` and ``id`` puts one item back or throws it away; every way leads to the list."""
        if not request.user.has_perm(_ACT):
            raise PermissionDenied
        deed = _DEEDS.get(request.POST.get("deed", ""))
        try:
            if deed is not None:
                deed[0](request.POST.get("id", ""), actor=Actor.of_user(request.user))
                messages.success(request, str(deed[1]))
        except AppError as error:
            messages.error(request, str(error))
        return HttpResponseRedirect(self.address("dead"))
