"""What anybody may read about fighters: searching while they type, and one profile."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.api.envelope import success
from apps.core.api.filters import read_switch, refuse_unknown
from apps.core.api.parameters import whole_id
from apps.core.api.public import PublicView, cached_answer
from apps.core.api.versions import IF_NONE_MATCH, NOT_MODIFIED
from apps.core.errors import FieldError, Invalid
from apps.fighters import cache
from apps.fighters.api.serializers import FighterHitsSerializer, FighterProfileSerializer, MovedFighterSerializer
from apps.fighters.name_keys import QUERY_LENGTH


class FighterSearchView(PublicView):
    """Fighters by what somebody typed, best first."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """GET leaves before DRF builds its request; every other method takes DRF's way to its refusal."""
        if request.method in {"GET", "HEAD"}:
            return cached_answer(request, cache.search(_typed(request)))
        return super().dispatch(request, *args, **kwargs)

    @extend_schema(
        operation_id="fighters_search",
        tags=["fighters"],
        parameters=[
            OpenApiParameter(
                "q",
                str,
                description="Name, nickname, other spelling, Chinese name, pinyin or initials; whole or its beginning, "
                "in any order, with typing errors. At most 128 characters; empty finds nobody.",
            ),
            IF_NONE_MATCH,
        ],
        responses={200: FighterHitsSerializer, 304: NOT_MODIFIED},
    )
    def get(self, request: Request) -> Response:
        """Fighters by what somebody typed, best first."""
        raise AssertionError("dispatch answers GET")


class FighterView(PublicView):
    """The profile of one fighter.  The address of a merged one leads to whom it was merged into."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method in {"GET", "HEAD"}:
            return _profile(request, str(kwargs["fighter_id"]))
        return super().dispatch(request, *args, **kwargs)

    @extend_schema(
        operation_id="fighters_read",
        tags=["fighters"],
        parameters=[
            OpenApiParameter(
                "spoilers",
                int,
                enum=[0, 1],
                description="0 hides how bouts ended and all that follows from it; 1 by default. Bouts are without "
                "results; record, last_bout_on, version and updated_at are null; rankings, stats, records and updates "
                "are empty.",
            ),
            IF_NONE_MATCH,
        ],
        responses={
            200: FighterProfileSerializer,
            301: OpenApiResponse(MovedFighterSerializer, description="Merged: Location names the other address."),
            304: NOT_MODIFIED,
        },
    )
    def get(self, request: Request, fighter_id: str) -> Response:
        """The profile of one fighter."""
        raise AssertionError("dispatch answers GET")


def _typed(request: HttpRequest) -> str:
    refuse_unknown(request, known={"q"})
    typed = request.GET.get("q", "").replace("\x00", "")
    if len(typed) > QUERY_LENGTH:
        detail = _("At most 128 characters.")
        raise Invalid(errors=[FieldError("q", "max_length", detail)])
    return typed


def _profile(request: HttpRequest, text: str) -> HttpResponseBase:
    fighter_id = whole_id(text)
    refuse_unknown(request, known={"spoilers"})
    spoilers = read_switch(request, "spoilers", default=True)
    cached = cache.profile(fighter_id, spoilers=spoilers)
    successor = cache.successor_of(cached)
    if successor is None:
        return cached_answer(request, cached)
    response = success({"merged_into": successor, "id": fighter_id}, status=301)
    response.headers["Location"] = f"{request.path.rsplit('/', 1)[0]}/{successor}{'' if spoilers else '?spoilers=0'}"
    return response
