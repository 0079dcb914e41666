"""Reading tasks, workers and queues.  Knows the repository interfaces, not the tables (B-11)."""

from __future__ import annotations

import re

import redis
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core.api.filters import refuse_unknown
from apps.core.api.pagination import PageNumber
from apps.core.api.permissions import requires
from apps.core.errors import FieldError, Invalid, RedisUnavailable
from apps.taskhub.api.pagination import TaskListing, TaskPages
from apps.taskhub.api.serializers import QueueStatsSerializer, TaskDetailSerializer, TaskSerializer, WorkerSerializer
from apps.taskhub.enums import Queue, TaskStatus
from apps.taskhub.errors import TaskNotFound
from apps.taskhub.repositories import TaskFilter, task_repository, worker_repository
from apps.taskhub.services.reading import queue_lengths, with_live_state

_VIEW_TASK = requires("taskhub.view_task")
_VIEW_WORKER = requires("taskhub.view_worker")
_TASK_ID = re.compile(r"[A-Za-z0-9-]{1,128}\Z")
_FILTERS = ("worker_name", "status", "queue", "name")
ATTEMPTS_SHOWN = 50


class TaskListView(APIView):
    """Tasks, newest first, each with the newest state that is known."""

    permission_classes = (_VIEW_TASK,)
    pagination_class = TaskPages

    @extend_schema(
        operation_id="tasks_list",
        tags=["taskhub"],
        parameters=[
            OpenApiParameter("worker_name", OpenApiTypes.STR),
            OpenApiParameter("status", OpenApiTypes.STR, enum=TaskStatus.values),
            OpenApiParameter("queue", OpenApiTypes.STR, enum=Queue.values),
            OpenApiParameter("name", OpenApiTypes.STR, description="Task type, for example articles.poll_source"),
        ],
        responses=TaskSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        pages = self.pagination_class()
        refuse_unknown(request, known={*_FILTERS, *pages.parameters})
        rows = pages.paginate_queryset(TaskListing(task_repository(), _chosen(request)), request, self)
        items = TaskSerializer(with_live_state(rows), many=True).data  # type: ignore[arg-type]
        return pages.get_paginated_response(items)


def _chosen(request: Request) -> TaskFilter:
    values = {name: request.query_params.get(name, "") for name in _FILTERS}
    for name, known in (("status", TaskStatus.values), ("queue", Queue.values)):
        if values[name] and values[name] not in known:
            raise Invalid(errors=[FieldError(name, "invalid_choice", _("Not one of the known values."))])
    return TaskFilter(**values)


class TaskView(APIView):
    """One task with its attempts."""

    permission_classes = (_VIEW_TASK,)

    @extend_schema(
        operation_id="task",
        tags=["taskhub"],
        parameters=[OpenApiParameter("task_id", OpenApiTypes.STR, OpenApiParameter.PATH)],
        responses=TaskDetailSerializer,
    )
    def get(self, request: Request, task_id: str) -> Response:
        refuse_unknown(request, known=set())
        if not _TASK_ID.match(task_id):
            raise Invalid(errors=[FieldError("task_id", "invalid", _("1 to 128 letters, digits or hyphens."))])
        repository = task_repository()
        task = repository.get_task(task_id)
        if task is None:
            raise TaskNotFound
        attempts = repository.list_attempts(task_id, limit=ATTEMPTS_SHOWN)
        [newest] = with_live_state([task])
        return Response(TaskDetailSerializer(newest, context={"attempts": attempts}).data)


class WorkerListView(APIView):
    """Worker groups by name."""

    permission_classes = (_VIEW_WORKER,)
    pagination_class = PageNumber

    @extend_schema(operation_id="workers_list", tags=["taskhub"], responses=WorkerSerializer(many=True))
    def get(self, request: Request) -> Response:
        pages = self.pagination_class()
        refuse_unknown(request, known=set(pages.parameters))
        rows = pages.paginate_queryset(worker_repository().list(), request, self)
        items = WorkerSerializer(rows, many=True).data  # type: ignore[arg-type]
        return pages.get_paginated_response(items)


class QueueStatsView(APIView):
    """How many messages wait in each queue of the broker."""

    permission_classes = (_VIEW_WORKER,)

    @extend_schema(operation_id="queues_stats", tags=["taskhub"], responses=QueueStatsSerializer(many=True))
    def get(self, request: Request) -> Response:
        refuse_unknown(request, known=set())
        try:
            lengths = queue_lengths(list(Queue.values))
        except redis.RedisError as error:
            raise RedisUnavailable from error
        return Response([{"queue": queue, "waiting": length} for queue, length in lengths.items()])
