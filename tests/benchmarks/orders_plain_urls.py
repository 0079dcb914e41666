"""Routes of the baseline (see ``orders_plain``)."""

from __future__ import annotations

from typing import Any

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()

from django.urls import path  # noqa: E402
from rest_framework import permissions, serializers, viewsets  # noqa: E402

from apps.orders.models import Order  # noqa: E402


class OrderSerializer(serializers.ModelSerializer):
    class Meta:
        model = Order
        fields = (
            "id",
            "order_id",
            "user_id",
            "amount",
            "status",
            "remark",
            "paid_at",
            "completed_at",
            "version",
            "created_at",
            "updated_at",
        )


class OrderViewSet(viewsets.ModelViewSet):
    serializer_class = OrderSerializer
    permission_classes = (permissions.IsAuthenticated,)

    def get_queryset(self) -> Any:
        return Order.objects.filter(user=self.request.user, deleted_at__isnull=True).order_by("-created_at", "-id")

    def perform_create(self, serializer: Any) -> None:
        serializer.save(user=self.request.user)


urlpatterns = [
    path("api/v1/orders", OrderViewSet.as_view({"get": "list", "post": "create"})),
    path("api/v1/orders/<int:pk>", OrderViewSet.as_view({"get": "retrieve"})),
    path("readyz", lambda request: __import__("django.http").http.HttpResponse("ok")),
]
