"""The history of executions."""

from __future__ import annotations

import re

import django_filters
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core.api.filters import InstantFilter, StrictFilterSet, refuse_unknown
from apps.core.api.pagination import Keyset
from apps.core.api.permissions import requires
from apps.core.errors import FieldError, Invalid, NotFound
from apps.scheduler.api.serializers import TaskExecutionSerializer
from apps.scheduler.enums import ExecutionState, Kind
from apps.scheduler.models import TaskExecution

_VIEW = requires("scheduler.view_taskexecution")
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)


class ExecutionFilter(StrictFilterSet):
    task_uid = django_filters.CharFilter(field_name="schedule_id")
    task_name = django_filters.CharFilter(field_name="task_name")
    execution_uid = django_filters.UUIDFilter(field_name="execution_uid")
    state = django_filters.ChoiceFilter(field_name="state", choices=ExecutionState.choices)
    trigger_type = django_filters.ChoiceFilter(
        choices=[("scheduled", "scheduled"), ("manual", "manual")], method="filter_trigger_type"
    )
    start_time = InstantFilter(field_name="started_at", lookup_expr="gte", label="Started at or after")
    end_time = InstantFilter(field_name="started_at", lookup_expr="lte", label="Started at or before")

    def filter_trigger_type(self, queryset: QuerySet[TaskExecution], _name: str, value: str) -> QuerySet[TaskExecution]:
        return queryset.filter(kind=Kind.MANUAL) if value == "manual" else queryset.exclude(kind=Kind.MANUAL)


class ExecutionPages(Keyset):
    """Newest first: ids rise with the time of the answer, and skipped or missed times never started."""

    ordering = ("-id",)


@extend_schema(operation_id="scheduler_executions_list", tags=["scheduler"])
class ExecutionListView(ListAPIView):
    """Executions, newest first."""

    permission_classes = (_VIEW,)
    serializer_class = TaskExecutionSerializer
    filterset_class = ExecutionFilter
    pagination_class = ExecutionPages
    queryset = TaskExecution.objects.newest_first()


class ExecutionView(APIView):
    """One execution."""

    permission_classes = (_VIEW,)

    @extend_schema(
        operation_id="scheduler_execution",
        tags=["scheduler"],
        parameters=[OpenApiParameter("execution_id", OpenApiTypes.INT, OpenApiParameter.PATH)],
        responses=TaskExecutionSerializer,
    )
    def get(self, request: Request, execution_id: str) -> Response:
        refuse_unknown(request, known=set())
        if not _NUMBER.fullmatch(execution_id) or int(execution_id) < 1:
            raise Invalid(errors=[FieldError("id", "invalid", _("A whole number from 1."))])
        execution = TaskExecution.objects.filter(pk=int(execution_id)).first()
        if execution is None:
            raise NotFound
        return Response(TaskExecutionSerializer(execution).data)
