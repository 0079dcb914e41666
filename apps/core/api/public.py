"""What anybody may read, from the cache's bytes: no session, no throttle, and no DRF on a hit.

class ListView(PublicView):
    def dispatch(self, request, *args, **kwargs):
        if request.method in {"GET", "HEAD"}:
            return cached_answer(request, cache.public_list())
        return super().dispatch(request, *args, **kwargs)
"""

from __future__ import annotations

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.permissions import AllowAny
from rest_framework.views import APIView

from apps.core.api.envelope import not_modified, spliced
from apps.core.api.versions import is_known
from apps.core.cache import Cached


class PublicView(APIView):
    """Open to everybody.  Not throttled: counting a request costs more than answering it from the cache."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = ()


def cached_answer(request: HttpRequest, cached: Cached) -> HttpResponseBase:
    """The cached value in its envelope, or 304 for who has it already."""
    if is_known(request.META.get("HTTP_IF_NONE_MATCH", ""), cached.etag):
        return not_modified(etag=cached.etag)
    return spliced(cached.body, etag=cached.etag)
