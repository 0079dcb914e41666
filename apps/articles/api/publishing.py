"""Pieces entered by hand, and what happens to articles after their publication."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.articles import services
from apps.articles.api.deeds import checked, on_article
from apps.articles.api.serializers import (
    ArticleStateSerializer,
    CorrectSerializer,
    ManualPieceSerializer,
    NamesSerializer,
    OfflineSerializer,
    PendingArticleSerializer,
    ResolveSerializer,
    RetractSerializer,
    TakedownRequestSerializer,
    TakedownSerializer,
)
from apps.core.api import request_actor
from apps.core.api.parameters import whole_id
from apps.core.api.permissions import requires
from apps.core.api.versions import expected_version
from apps.core.errors import ErrorCode

_TAKEDOWN_ID = OpenApiParameter("takedown_id", OpenApiTypes.INT, OpenApiParameter.PATH)


class ManualPieceView(APIView):
    """Put a piece into the review queue by hand."""

    permission_classes = (requires("articles.review_pendingarticle"),)
    error_codes = (ErrorCode.NOT_FOUND, ErrorCode.CONFLICT)

    @extend_schema(
        operation_id="articles_manual",
        tags=["review"],
        request=ManualPieceSerializer,
        responses={201: PendingArticleSerializer},
    )
    def post(self, request: Request) -> Response:
        given = checked(ManualPieceSerializer, request)
        piece = services.enter_by_hand(actor=request_actor(request), **given.validated_data)
        return Response(PendingArticleSerializer(piece).data, status=status.HTTP_201_CREATED)


class ArticleChangeView(APIView):
    """One change of a published article, by those who may change articles."""

    permission_classes = (requires("articles.change_article"),)
    error_codes = (ErrorCode.CONFLICT, ErrorCode.PRECONDITION_FAILED)


class CorrectView(ArticleChangeView):
    """Correct a published article and tell readers why."""

    @on_article("articles_correct", CorrectSerializer, ArticleStateSerializer)
    def post(self, request: Request, article_id: str) -> Response:
        number = whole_id(article_id)
        given = checked(CorrectSerializer, request)
        values = given.validated_data
        article = services.correct(
            number,
            actor=request_actor(request),
            edits=services.Edits(title=values.get("title"), summary=values.get("summary")),
            notice=values["notice"],
            expected_version=expected_version(request),
        )
        return Response(ArticleStateSerializer(article).data)


class RetractView(ArticleChangeView):
    """Retract a published article: it leaves the list, its address tells readers why."""

    @on_article("articles_retract", RetractSerializer, ArticleStateSerializer)
    def post(self, request: Request, article_id: str) -> Response:
        number = whole_id(article_id)
        given = checked(RetractSerializer, request)
        article = services.retract(
            number,
            actor=request_actor(request),
            notice=given.validated_data["notice"],
            expected_version=expected_version(request),
        )
        return Response(ArticleStateSerializer(article).data)


class ArticleNamesView(ArticleChangeView):
    """Say which fighters and events a published article is about; readers see it at once."""

    @on_article("articles_names", NamesSerializer, ArticleStateSerializer)
    def post(self, request: Request, article_id: str) -> Response:
        number = whole_id(article_id)
        given = checked(NamesSerializer, request)
        article = services.name_article(
            number, given.naming(), actor=request_actor(request), expected_version=expected_version(request)
        )
        return Response(ArticleStateSerializer(article).data)


class OfflineView(ArticleChangeView):
    """Take a published article offline."""

    @on_article("articles_offline", OfflineSerializer, ArticleStateSerializer)
    def post(self, request: Request, article_id: str) -> Response:
        number = whole_id(article_id)
        given = checked(OfflineSerializer, request)
        article = services.take_offline(
            number,
            actor=request_actor(request),
            reason=given.validated_data["reason"],
            expected_version=expected_version(request),
        )
        return Response(ArticleStateSerializer(article).data)


class TakedownsView(APIView):
    """Keep a complaint about an article."""

    permission_classes = (requires("articles.change_article"),)
    error_codes = (ErrorCode.NOT_FOUND,)

    @extend_schema(
        operation_id="takedowns_open",
        tags=["articles"],
        request=TakedownRequestSerializer,
        responses={201: TakedownSerializer},
    )
    def post(self, request: Request) -> Response:
        given = checked(TakedownRequestSerializer, request)
        takedown = services.open_takedown(actor=request_actor(request), **given.validated_data)
        return Response(TakedownSerializer(takedown).data, status=status.HTTP_201_CREATED)


class TakedownResolveView(APIView):
    """Close a complaint: ``offlined`` hides the article, ``rejected`` leaves it."""

    permission_classes = (requires("articles.change_article"),)
    error_codes = (ErrorCode.CONFLICT,)

    @extend_schema(
        operation_id="takedowns_resolve",
        tags=["articles"],
        parameters=[_TAKEDOWN_ID],
        request=ResolveSerializer,
        responses=TakedownSerializer,
    )
    def post(self, request: Request, takedown_id: str) -> Response:
        number = whole_id(takedown_id)
        given = checked(ResolveSerializer, request)
        takedown = services.resolve_takedown(
            number, actor=request_actor(request), action=given.validated_data["action"]
        )
        return Response(TakedownSerializer(takedown).data)
