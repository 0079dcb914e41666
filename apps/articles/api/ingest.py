"""Fetching a source now."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.articles import services
from apps.articles.api.serializers import AcceptedSerializer, FetchSerializer
from apps.core.api import request_actor
from apps.core.api.permissions import requires
from apps.core.errors import ErrorCode


class FetchView(APIView):
    """Queue one poll of a source; ``url`` and ``parser_kind`` replace the source's own for this poll only."""

    permission_classes = (requires("articles.fetch_source"),)
    error_codes = (ErrorCode.NOT_FOUND,)

    @extend_schema(
        operation_id="ingest_fetch", tags=["ingest"], request=FetchSerializer, responses={202: AcceptedSerializer}
    )
    def post(self, request: Request) -> Response:
        given = FetchSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        values = given.validated_data
        task_id = services.request_fetch(
            values["source_id"],
            actor=request_actor(request),
            job=services.FetchJob(url=values["url"], parser_kind=values["parser_kind"]),
        )
        return Response({"task_id": task_id}, status=status.HTTP_202_ACCEPTED)
