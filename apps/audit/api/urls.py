from django.urls import URLPattern, URLResolver, path

from apps.audit.api.views import AuditEventListView, AuditEventView

urlpatterns: list[URLPattern | URLResolver] = [
    path("audit/events", AuditEventListView.as_view(), name="audit-events"),
    path("audit/events/<str:event_id>", AuditEventView.as_view(), name="audit-event"),
]
