from django.urls import URLPattern, URLResolver, path

from apps.orders.api.sim_sync import SimStatusView, SyncView
from apps.orders.api.views import OrderListView, OrderView

urlpatterns: list[URLPattern | URLResolver] = [
    path("orders", OrderListView.as_view(), name="orders"),
    path("orders/<str:order_pk>", OrderView.as_view(), name="order"),
    path("tasks/sync", SyncView.as_view(), name="tasks-sync"),
    path("tasks/sim-status", SimStatusView.as_view(), name="tasks-sim-status"),
]
