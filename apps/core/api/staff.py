"""Is the caller staff?  For the few views outside DRF that show more to staff."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from rest_framework.exceptions import APIException
from rest_framework.views import APIView


def is_staff(request: HttpRequest) -> bool:
    """By session or bearer token.  Without either nothing is loaded; a wrong one counts as nobody."""
    has_session = settings.SESSION_COOKIE_NAME in request.COOKIES
    if not has_session and "HTTP_AUTHORIZATION" not in request.META:
        return False
    drf_request = APIView().initialize_request(request)
    try:
        user: Any = drf_request.user
    except APIException:
        return False
    return bool(user is not None and user.is_active and user.is_staff)
