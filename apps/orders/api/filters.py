from __future__ import annotations

import django_filters

from apps.core.api.filters import InstantFilter, StrictFilterSet, WholeIdFilter
from apps.core.api.pagination import Keyset
from apps.orders.models import Order


class OrderFilter(StrictFilterSet):
    user_id = WholeIdFilter(field_name="user_id")
    status = django_filters.ChoiceFilter(choices=Order.Status.choices)
    order_id = django_filters.CharFilter(max_length=50)
    created_from = InstantFilter(field_name="created_at", lookup_expr="gte")
    created_until = InstantFilter(field_name="created_at", lookup_expr="lt")


class OrderPages(Keyset):
    ordering = ("-created_at", "-id")
