"""Schedules: list, one, enable, disable, run now, figures."""

from __future__ import annotations

import django_filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core.api import request_actor
from apps.core.api.filters import StrictFilterSet, refuse_unknown
from apps.core.api.permissions import requires
from apps.core.errors import ErrorCode
from apps.scheduler import services
from apps.scheduler.api.serializers import (
    DISABLED,
    ENABLED,
    TRIGGERED,
    ScheduledTaskSerializer,
    StatisticsSerializer,
    SwitchedSerializer,
    SwitchSerializer,
    TriggeredSerializer,
    TriggerSerializer,
)
from apps.scheduler.errors import UnknownSchedule
from apps.scheduler.models import ScheduledTask
from apps.scheduler.querysets import ScheduledTaskQuerySet
from apps.scheduler.services import arguments
from apps.scheduler.services.statistics import statistics

_UID = OpenApiParameter("uid", OpenApiTypes.STR, OpenApiParameter.PATH)
_VIEW = requires("scheduler.view_scheduledtask")
_CONFIGURE = requires("scheduler.configure_scheduledtask")


class ScheduledTaskFilter(StrictFilterSet):
    enabled = django_filters.BooleanFilter(method="filter_enabled")
    type = django_filters.CharFilter(field_name="definition__task")

    def filter_enabled(self, queryset: ScheduledTaskQuerySet, _name: str, value: bool) -> ScheduledTaskQuerySet:
        return queryset.enabled() if value else queryset.not_enabled()


@extend_schema(operation_id="scheduler_tasks_list", tags=["scheduler"])
class TaskListView(ListAPIView):
    """All schedules by name, retired ones included."""

    permission_classes = (_VIEW,)
    serializer_class = ScheduledTaskSerializer
    filterset_class = ScheduledTaskFilter
    queryset = ScheduledTask.objects.for_list()


class TaskView(APIView):
    """One schedule."""

    permission_classes = (_VIEW,)

    @extend_schema(
        operation_id="scheduler_task", tags=["scheduler"], parameters=[_UID], responses=ScheduledTaskSerializer
    )
    def get(self, request: Request, uid: str) -> Response:
        refuse_unknown(request, known=set())
        schedule = ScheduledTask.objects.with_definition().filter(pk=uid).first()
        if schedule is None:
            raise UnknownSchedule
        return Response(ScheduledTaskSerializer(schedule).data)


class EnableView(APIView):
    """Enable a schedule: it is due again from now on, beginning with its next time."""

    permission_classes = (_CONFIGURE,)
    error_codes = (ErrorCode.CONFLICT,)

    @extend_schema(
        operation_id="scheduler_task_enable",
        tags=["scheduler"],
        parameters=[_UID],
        request=SwitchSerializer,
        responses=SwitchedSerializer,
    )
    def post(self, request: Request, uid: str) -> Response:
        schedule = services.enable(uid, actor=request_actor(request), reason=_reason(request))
        return Response(SwitchedSerializer(_switched(schedule, str(ENABLED))).data)


class DisableView(APIView):
    """Disable a schedule: no new runs; one that is going on goes on."""

    permission_classes = (_CONFIGURE,)

    @extend_schema(
        operation_id="scheduler_task_disable",
        tags=["scheduler"],
        parameters=[_UID],
        request=SwitchSerializer,
        responses=SwitchedSerializer,
    )
    def post(self, request: Request, uid: str) -> Response:
        schedule = services.disable(uid, actor=request_actor(request), reason=_reason(request))
        return Response(SwitchedSerializer(_switched(schedule, str(DISABLED))).data)


class TriggerView(APIView):
    """Run a schedule now.  409 while it is disabled or as many runs as allowed are going on."""

    permission_classes = (requires("scheduler.trigger_scheduledtask"),)
    error_codes = (ErrorCode.CONFLICT,)

    @extend_schema(
        operation_id="scheduler_task_trigger",
        tags=["scheduler"],
        parameters=[_UID],
        request=TriggerSerializer,
        responses={202: TriggeredSerializer},
    )
    def post(self, request: Request, uid: str) -> Response:
        given = TriggerSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        execution = services.trigger(
            uid,
            actor=request_actor(request),
            override=arguments.parse(given.validated_data["override_data"], field="override_data"),
            reason=given.validated_data["reason"],
        )
        answer = {
            "message": str(TRIGGERED),
            "execution_uid": execution.execution_uid,
            "execution_id": execution.pk,
        }
        return Response(TriggeredSerializer(answer).data, status=status.HTTP_202_ACCEPTED)


class StatisticsView(APIView):
    """Figures of all schedules that are in use."""

    permission_classes = (_VIEW,)

    @extend_schema(operation_id="scheduler_stats", tags=["scheduler"], responses=StatisticsSerializer)
    def get(self, request: Request) -> Response:
        refuse_unknown(request, known=set())
        return Response(StatisticsSerializer(statistics()).data)


def _reason(request: Request) -> str:
    given = SwitchSerializer(data=request.data)
    given.is_valid(raise_exception=True)
    reason: str = given.validated_data["reason"]
    return reason


def _switched(schedule: ScheduledTask, message: str) -> dict[str, object]:
    return {
        "message": message,
        "uid": schedule.uid,
        "enabled": schedule.enabled,
        "next_run": schedule.next_run,
    }
