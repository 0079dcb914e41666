from django.urls import URLPattern, URLResolver, path

from apps.scheduler.api.executions import ExecutionListView, ExecutionView
from apps.scheduler.api.tasks import (
    DisableView,
    EnableView,
    StatisticsView,
    TaskListView,
    TaskView,
    TriggerView,
)

urlpatterns: list[URLPattern | URLResolver] = [
    path("scheduler/tasks", TaskListView.as_view(), name="scheduler-tasks"),
    path("scheduler/tasks/<str:uid>", TaskView.as_view(), name="scheduler-task"),
    path("scheduler/tasks/<str:uid>/enable", EnableView.as_view(), name="scheduler-task-enable"),
    path("scheduler/tasks/<str:uid>/disable", DisableView.as_view(), name="scheduler-task-disable"),
    path("scheduler/tasks/<str:uid>/trigger", TriggerView.as_view(), name="scheduler-task-trigger"),
    path("scheduler/executions", ExecutionListView.as_view(), name="scheduler-executions"),
    path("scheduler/executions/<str:execution_id>", ExecutionView.as_view(), name="scheduler-execution"),
    path("scheduler/stats", StatisticsView.as_view(), name="scheduler-stats"),
]
