"""GET /metrics: Prometheus text, for the machine itself, our proxies and staff only."""

from __future__ import annotations

import ipaddress

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from apps.core.api.staff import is_staff
from apps.core.client_ip import FORWARDING_HEADERS, client_ip, is_trusted_address
from apps.core.metrics import exposition


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    if not (_comes_from_inside(request) or is_staff(request)):
        raise PermissionDenied
    return HttpResponse(exposition(), content_type=CONTENT_TYPE_LATEST)


def _comes_from_inside(request: HttpRequest) -> bool:
    """Loopback or a trusted proxy itself, and not somebody behind a proxy that we were not told about."""
    address = client_ip(request)
    if is_trusted_address(address, settings.TRUSTED_PROXIES):
        return True
    is_forwarded = any(name in request.META for name in FORWARDING_HEADERS)
    return bool(address) and ipaddress.ip_address(address).is_loopback and not is_forwarded
