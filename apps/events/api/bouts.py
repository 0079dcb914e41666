"""Results of bouts, entered by people."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core.api import request_actor
from apps.core.api.parameters import whole_id
from apps.core.api.permissions import requires
from apps.core.api.versions import IF_MATCH, required_version
from apps.core.errors import ErrorCode
from apps.events import services
from apps.events.api.serializers import BoutOnCardSerializer, BoutResultSerializer
from apps.events.cache import bout_of
from apps.events.enums import Result


class BoutResultView(APIView):
    """How a bout ended.  The version it was decided on must be sent: ``If-Match`` or ``version``."""

    permission_classes = (requires("events.run_bout"),)
    error_codes = (ErrorCode.CONFLICT, ErrorCode.PRECONDITION_FAILED, ErrorCode.PRECONDITION_REQUIRED)

    @extend_schema(
        operation_id="bouts_result",
        tags=["events"],
        parameters=[
            OpenApiParameter("bout_id", OpenApiTypes.INT, OpenApiParameter.PATH),
            IF_MATCH,
        ],
        request=BoutResultSerializer,
        responses=BoutOnCardSerializer,
    )
    def put(self, request: Request, bout_id: str) -> Response:
        """Enter a result, or amend an official one with a reason."""
        number = whole_id(bout_id)
        version = required_version(request)
        given = BoutResultSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        values = {name: value for name, value in given.validated_data.items() if name not in {"version", "reason"}}
        bout = services.enter_result(
            number,
            services.Ending(**{**values, "result": Result(values["result"])}),
            actor=request_actor(request),
            expected_version=version,
            reason=given.validated_data["reason"],
        )
        return Response(bout_of(bout))
