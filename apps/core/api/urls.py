"""Routes of the product itself: health, metrics, contract."""

from django.urls import URLPattern, URLResolver, path

from apps.core.api.docs import DocsView, SchemaView
from apps.core.api.health import AliveView, HealthView, ReadyView
from apps.core.api.metrics import metrics

urlpatterns: list[URLPattern | URLResolver] = [
    path("health", HealthView.as_view(), name="health"),
    path("healthz", AliveView.as_view(), name="healthz"),
    path("readyz", ReadyView.as_view(), name="readyz"),
    path("metrics", metrics, name="metrics"),
    path("api/schema", SchemaView.as_view(), name="schema"),
    path("api/docs", DocsView.as_view(), name="docs"),
]
