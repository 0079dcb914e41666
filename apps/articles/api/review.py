"""The review queue and its decisions.  The reviewer is the caller, whatever the query says."""

from __future__ import annotations

from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.articles import services
from apps.articles.api.deeds import checked, on_piece
from apps.articles.api.serializers import (
    ApproveSerializer,
    BulkApproveSerializer,
    BulkRejectSerializer,
    BulkReviewedSerializer,
    ClaimSerializer,
    NamesSerializer,
    PendingArticleSerializer,
    RejectSerializer,
    ReviewedSerializer,
    UndoneListSerializer,
)
from apps.articles.models import Article, Language, PendingArticle
from apps.articles.querysets import PendingArticleQuerySet
from apps.core.api import request_actor
from apps.core.api.filters import InstantFilter, StrictFilterSet, WholeIdFilter
from apps.core.api.parameters import whole_id
from apps.core.api.permissions import requires
from apps.core.api.versions import expected_version
from apps.core.errors import ErrorCode

_DECISION_CODES = (ErrorCode.CONFLICT, ErrorCode.PRECONDITION_FAILED)


class PendingFilter(StrictFilterSet):
    source_id = WholeIdFilter(field_name="source_id")
    story_id = WholeIdFilter(field_name="story_id", help_text="The pieces of one story")
    language = django_filters.ChoiceFilter(field_name="source__language", choices=Language.choices)
    fighter = WholeIdFilter(method="naming_fighter", help_text="Pieces that name this fighter")
    event = WholeIdFilter(method="naming_event", help_text="Pieces that name this event")
    received_after = InstantFilter(field_name="created_at", lookup_expr="gte")
    received_before = InstantFilter(field_name="created_at", lookup_expr="lt")

    def naming_fighter(self, rows: PendingArticleQuerySet, _name: str, number: int) -> PendingArticleQuerySet:
        return rows.naming_fighter(number)

    def naming_event(self, rows: PendingArticleQuerySet, _name: str, number: int) -> PendingArticleQuerySet:
        return rows.naming_event(number)


@extend_schema(operation_id="review_pending_list", tags=["review"])
class PendingListView(ListAPIView):
    """Pieces that wait for review, oldest first."""

    permission_classes = (requires("articles.view_pendingarticle"),)
    serializer_class = PendingArticleSerializer
    filterset_class = PendingFilter
    queryset = PendingArticle.objects.awaiting_review().for_review_list().with_mentions()


class DecisionView(APIView):
    """One decision on pieces, by those who may review."""

    permission_classes = (requires("articles.review_pendingarticle"),)
    error_codes: tuple[ErrorCode, ...] = _DECISION_CODES


class ApproveView(DecisionView):
    """Approve a piece, with the editor's own words if given: it is published at once or when you say."""

    @on_piece("review_approve", ApproveSerializer, ReviewedSerializer)
    def post(self, request: Request, pending_id: str) -> Response:
        number = whole_id(pending_id)
        given = checked(ApproveSerializer, request)
        values = given.validated_data
        article = services.approve(
            number,
            actor=request_actor(request),
            expected_version=expected_version(request),
            edits=services.Edits(title=values.get("title"), summary=values.get("summary")),
            publish_at=values["publish_at"],
            naming=given.naming(),
        )
        return Response(_approved(article))


class RejectView(DecisionView):
    """Turn a piece down, with a reason from the list, in words, or both."""

    @on_piece("review_reject", RejectSerializer, ReviewedSerializer)
    def post(self, request: Request, pending_id: str) -> Response:
        number = whole_id(pending_id)
        given = checked(RejectSerializer, request)
        piece = services.reject(
            number,
            actor=request_actor(request),
            reason=given.validated_data["reason"],
            reason_code=given.validated_data["reason_code"],
            expected_version=expected_version(request),
        )
        return Response(_rejected(piece))


class PieceNamesView(DecisionView):
    """Say which fighters and events a piece is about."""

    @on_piece("review_names", NamesSerializer, PendingArticleSerializer)
    def post(self, request: Request, pending_id: str) -> Response:
        number = whole_id(pending_id)
        given = checked(NamesSerializer, request)
        piece = services.name_piece(
            number, given.naming(), actor=request_actor(request), expected_version=expected_version(request)
        )
        return Response(PendingArticleSerializer(piece).data)


class ClaimView(DecisionView):
    """Say that you work on a piece: nobody else decides on it for 15 minutes."""

    @on_piece("review_claim", ClaimSerializer, PendingArticleSerializer, by_version=False)
    def post(self, request: Request, pending_id: str) -> Response:
        number = whole_id(pending_id)
        given = checked(ClaimSerializer, request)
        piece = services.claim(number, actor=request_actor(request), take_over=given.validated_data["take_over"])
        return Response(PendingArticleSerializer(piece).data)


class ReleaseView(DecisionView):
    """Give a piece free that you claimed."""

    @on_piece("review_release", None, PendingArticleSerializer, by_version=False)
    def post(self, request: Request, pending_id: str) -> Response:
        piece = services.release(whole_id(pending_id), actor=request_actor(request))
        return Response(PendingArticleSerializer(piece).data)


class BulkApproveView(DecisionView):
    """Publish all of these pieces or none; what else waits of their stories is turned down as told already."""

    error_codes = (*_DECISION_CODES, ErrorCode.NOT_FOUND)

    @extend_schema(
        operation_id="review_bulk_approve",
        tags=["review"],
        request=BulkApproveSerializer,
        responses=BulkReviewedSerializer,
    )
    def post(self, request: Request) -> Response:
        given = checked(BulkApproveSerializer, request)
        articles = services.approve_many(given.versions(), actor=request_actor(request))
        return Response({"items": [_approved(article) for article in articles]})


class BulkRejectView(DecisionView):
    """Turn down all of these pieces or none, for one reason."""

    error_codes = (*_DECISION_CODES, ErrorCode.NOT_FOUND)

    @extend_schema(
        operation_id="review_bulk_reject",
        tags=["review"],
        request=BulkRejectSerializer,
        responses=BulkReviewedSerializer,
    )
    def post(self, request: Request) -> Response:
        given = checked(BulkRejectSerializer, request)
        pieces = services.reject_many(
            given.versions(),
            actor=request_actor(request),
            reason=given.validated_data["reason"],
            reason_code=given.validated_data["reason_code"],
        )
        return Response({"items": [_rejected(piece) for piece in pieces]})


class UndoView(DecisionView):
    """Take back your last deed, a bulk decision as a whole, while nothing else happened to it."""

    error_codes = (ErrorCode.NOT_FOUND, *_DECISION_CODES)

    @extend_schema(operation_id="review_undo", tags=["review"], request=None, responses=UndoneListSerializer)
    def post(self, request: Request) -> Response:
        steps = services.undo_last(actor=request_actor(request))
        items = [{"kind": step.kind, "pending_id": step.pending_id, "article_id": step.article_id} for step in steps]
        return Response({"items": items})


def _approved(article: Article) -> dict[str, Any]:
    return {**ReviewedSerializer(article.pending).data, "article_id": article.pk}


def _rejected(piece: PendingArticle) -> dict[str, Any]:
    return {**ReviewedSerializer(piece).data, "article_id": None}
