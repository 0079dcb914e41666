"""Reading the audit log.  Nothing here writes: events come only from ``record`` and ``observe``."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import django_filters
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.audit.api.serializers import AuditEventDetailSerializer, AuditEventSerializer
from apps.audit.enums import Action, Status, Subsystem
from apps.audit.models import AuditEvent
from apps.audit.querysets import NEWEST_FIRST
from apps.audit.services import wording
from apps.core.api.filters import InstantFilter, StrictFilterSet, refuse_unknown
from apps.core.api.pagination import Keyset
from apps.core.api.permissions import requires
from apps.core.errors import FieldError, Invalid, NotFound

_VIEW = requires("audit.view_auditevent")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class MillisecondsFilter(InstantFilter):
    """A moment compared with a column of Unix milliseconds."""

    def filter(self, qs: QuerySet[Any], value: dt.datetime | None) -> QuerySet[Any]:
        if value is None:
            return qs
        milliseconds = (value - _EPOCH) // dt.timedelta(milliseconds=1)
        return qs.filter(**{f"{self.field_name}__{self.lookup_expr}": max(milliseconds, 0)})


class AuditEventFilter(StrictFilterSet):
    user_uid = django_filters.CharFilter(field_name="actor_id", label="Id of who acted")
    resource_type = django_filters.ChoiceFilter(choices=wording.type_choices)
    resource_id = django_filters.CharFilter(label="Id of the thing; with resource_type its history")
    action = django_filters.ChoiceFilter(choices=Action.choices)
    status = django_filters.ChoiceFilter(choices=Status.choices)
    subsystem = django_filters.ChoiceFilter(choices=Subsystem.choices)
    client_ip = django_filters.CharFilter()
    request_id = django_filters.CharFilter(label="All that one request did")
    start_time = MillisecondsFilter(field_name="timestamp", lookup_expr="gte", label="From this moment on")
    end_time = MillisecondsFilter(field_name="timestamp", lookup_expr="lte", label="Up to this moment")


class AuditEventPages(Keyset):
    ordering = NEWEST_FIRST


@extend_schema(operation_id="audit_events_list", tags=["audit"])
class AuditEventListView(ListAPIView):
    """Events, newest first."""

    permission_classes = (_VIEW,)
    serializer_class = AuditEventSerializer
    filterset_class = AuditEventFilter
    pagination_class = AuditEventPages
    queryset = AuditEvent.objects.for_list()


class AuditEventView(APIView):
    """One event with its full difference."""

    permission_classes = (_VIEW,)

    @extend_schema(
        operation_id="audit_event",
        tags=["audit"],
        parameters=[OpenApiParameter("event_id", OpenApiTypes.UUID, OpenApiParameter.PATH)],
        responses=AuditEventDetailSerializer,
    )
    def get(self, request: Request, event_id: str) -> Response:
        refuse_unknown(request, known=set())
        event = AuditEvent.objects.filter(pk=_uuid(event_id)).first()
        if event is None:
            raise NotFound
        return Response(AuditEventDetailSerializer(event).data)


def _uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise Invalid(errors=[FieldError("id", "invalid", _("A UUID."))]) from None
