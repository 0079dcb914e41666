"""Asking for a synchronisation with the carrier (B.4): validated and queued, accepted at once."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core.api import request_actor
from apps.core.api.idempotency import idempotent
from apps.core.api.permissions import requires
from apps.core.api.strict import StrictSerializer
from apps.core.errors import ErrorCode
from apps.orders.enums import SyncType
from apps.orders.services.iccids import MAX_ICCIDS
from apps.orders.services.sim_sync import (
    DEFAULT_BATCH_SIZE,
    MAX_BATCH_SIZE,
    SyncOrder,
    request_status_sync,
    request_sync,
)
from apps.taskhub.hub_task import Queue

_SYNC = requires("orders.sync_simcard")
REQUEST_ID = r"^[A-Za-z0-9._:-]{0,100}$"


class _JobSerializer(StrictSerializer):
    priority = serializers.ChoiceField(choices=Queue.values, default=Queue.DEFAULT.value, help_text="The queue")
    request_id = serializers.RegexField(
        REQUEST_ID,
        required=False,
        allow_blank=True,
        default="",
        help_text="The same id with the same arguments gets the same task, for at least 90 days; with others 1014",
    )


class SyncSerializer(_JobSerializer):
    sync_type = serializers.ChoiceField(choices=SyncType.choices)
    start_date = serializers.DateField(
        required=False, allow_null=True, default=None, input_formats=["%Y-%m-%d"], help_text="First day, included"
    )
    end_date = serializers.DateField(
        required=False, allow_null=True, default=None, input_formats=["%Y-%m-%d"], help_text="Last day, included"
    )
    batch_size = serializers.IntegerField(
        required=False, default=DEFAULT_BATCH_SIZE, min_value=1, max_value=MAX_BATCH_SIZE
    )


class SimStatusSerializer(_JobSerializer):
    iccids = serializers.ListField(
        child=serializers.CharField(max_length=22), min_length=1, max_length=MAX_ICCIDS, help_text="With check digit"
    )
    force_sync = serializers.BooleanField(required=False, default=False, help_text="Also cards whose state is fresh")


class SyncAcceptedSerializer(serializers.Serializer):
    task_id = serializers.CharField()


class SyncView(APIView):
    """Fetch SIM states, data usage or real-name checks from the carrier.

    ``GET /tasks/{task_id}`` tells the progress.
    """

    permission_classes = (_SYNC,)
    error_codes = (ErrorCode.CONFLICT, ErrorCode.IDEMPOTENCY_KEY_REUSED)

    @extend_schema(
        operation_id="tasks_sync", tags=["taskhub"], request=SyncSerializer, responses={202: SyncAcceptedSerializer}
    )
    @idempotent
    def post(self, request: Request) -> Response:
        values = _given(SyncSerializer, request)
        order = SyncOrder(SyncType(values["sync_type"]), values["start_date"], values["end_date"], values["batch_size"])
        task_id = request_sync(
            order, actor=request_actor(request), request_id=values["request_id"], queue=Queue(values["priority"])
        )
        return Response({"task_id": task_id}, status=status.HTTP_202_ACCEPTED)


class SimStatusView(APIView):
    """Ask the carrier for the state of single SIM cards.  Fresh ones are left out unless ``force_sync`` is set."""

    permission_classes = (_SYNC,)
    error_codes = (ErrorCode.CONFLICT, ErrorCode.IDEMPOTENCY_KEY_REUSED)

    @extend_schema(
        operation_id="tasks_sim_status",
        tags=["taskhub"],
        request=SimStatusSerializer,
        responses={202: SyncAcceptedSerializer},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        values = _given(SimStatusSerializer, request)
        task_id = request_status_sync(
            values["iccids"],
            force=values["force_sync"],
            actor=request_actor(request),
            request_id=values["request_id"],
            queue=Queue(values["priority"]),
        )
        return Response({"task_id": task_id}, status=status.HTTP_202_ACCEPTED)


def _given(serializer: type[_JobSerializer], request: Request) -> dict[str, Any]:
    given = serializer(data=request.data)
    given.is_valid(raise_exception=True)
    return dict(given.validated_data)
