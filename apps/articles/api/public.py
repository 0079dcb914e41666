"""What anybody may read.  What is in the cache costs neither a database query nor a session nor DRF.

Copies may be kept but must be asked about (``no-cache``): an approval shows within a second.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.articles import cache
from apps.articles.api.parameters import ChangesQuery, list_query
from apps.articles.api.serializers import PublicArticlePageSerializer, PublicArticleSerializer
from apps.articles.models import Language
from apps.core.api.parameters import whole_id
from apps.core.api.public import PublicView, cached_answer
from apps.core.api.versions import IF_NONE_MATCH, NOT_MODIFIED
from apps.core.cache import Cached
from apps.core.errors import NotFound

CACHE_CONTROL = "public, no-cache"


class ArticleListView(PublicView):
    """Published articles, newest first."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """GET leaves before DRF builds its request; every other method takes DRF's way to its refusal."""
        if request.method in {"GET", "HEAD"}:
            return _answered(request, _list(request))
        return super().dispatch(request, *args, **kwargs)

    @extend_schema(
        operation_id="articles_list",
        tags=["articles"],
        parameters=[
            OpenApiParameter("page", int, description="Page, from 1."),
            OpenApiParameter("page_size", int, description="Entries on a page, 1 to 100; 20 by default."),
            OpenApiParameter("source_id", int, description="Only pieces of this source."),
            OpenApiParameter("language", str, enum=Language.values, description="Only pieces in this language."),
            OpenApiParameter("fighter", int, description="Only pieces about this fighter."),
            OpenApiParameter("event", int, description="Only pieces about this event."),
            OpenApiParameter("since", str, description="Published at this time or later."),
            OpenApiParameter(
                "cursor", str, description="Walk without counting: empty first, then next_cursor of the answer."
            ),
            OpenApiParameter(
                "updated_since",
                str,
                description=(
                    "For those who keep copies: everything that changed since, oldest change first; what is gone has "
                    "state gone. Ask next time with as_of; an entry may come twice. With page_size and cursor only."
                ),
            ),
            IF_NONE_MATCH,
        ],
        responses={200: PublicArticlePageSerializer, 304: NOT_MODIFIED},
    )
    def get(self, request: Request) -> Response:
        """Published articles, newest first."""
        raise AssertionError("dispatch answers GET")


class ArticleView(PublicView):
    """One published article; of a retracted one title and notice."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method in {"GET", "HEAD"}:
            return _answered(request, _article(kwargs["article_id"]))
        return super().dispatch(request, *args, **kwargs)

    @extend_schema(
        operation_id="articles_read",
        tags=["articles"],
        parameters=[IF_NONE_MATCH],
        responses={200: PublicArticleSerializer, 304: NOT_MODIFIED},
    )
    def get(self, request: Request, article_id: str) -> Response:
        """One published article; of a retracted one title and notice."""
        raise AssertionError("dispatch answers GET")


def _list(request: HttpRequest) -> Cached:
    asked = list_query(request)
    if isinstance(asked, ChangesQuery):
        return cache.public_changes(asked.since, after=asked.after, page_size=asked.page_size)
    return cache.public_list(asked)


def _article(article_id: str) -> Cached:
    cached = cache.public_article(whole_id(article_id))
    if cached.body == b"null":
        raise NotFound
    return cached


def _answered(request: HttpRequest, cached: Cached) -> HttpResponseBase:
    response = cached_answer(request, cached)
    response.headers["Cache-Control"] = CACHE_CONTROL
    return response
