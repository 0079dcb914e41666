from django.urls import URLPattern, URLResolver, path

from apps.taskhub.api.views import QueueStatsView, TaskListView, TaskView, WorkerListView

urlpatterns: list[URLPattern | URLResolver] = [
    path("tasks", TaskListView.as_view(), name="tasks"),
    path("tasks/<str:task_id>", TaskView.as_view(), name="task"),
    path("workers", WorkerListView.as_view(), name="workers"),
    path("queues/stats", QueueStatsView.as_view(), name="queues-stats"),
]
