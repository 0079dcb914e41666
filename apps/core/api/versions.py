"""Versions of single things over HTTP (decision 35): ``ETag`` on reads, ``If-None-Match``, ``If-Match``.

    return versioned(request, OrderSerializer(order).data, tag=version_tag(order.version))      # GET: 200 or 304
    change_order(…, expected_version=expected_version(request))                                 # PUT, DELETE

The tag is the row's ``version``; what the answer shows without being part of the version (a last sign-in) goes into
``also``, so that a copy grows stale with it and ``If-Match`` does not.  Services compare with ``require_version``
(``core.versions``) under the row's lock.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse
from django.utils.http import parse_etags
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.api.envelope import not_modified
from apps.core.errors import FieldError, Invalid, PreconditionRequired

_VERSION_TAG = re.compile(r'(?:W/)?"?([0-9]{1,9})(?:-[0-9a-f]{1,16})?"?', re.ASCII)

# For ``extend_schema(parameters=[…], responses={200: …, 304: NOT_MODIFIED})``.
IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, description="Version the change starts from; a stale one is refused."
)
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match", str, OpenApiParameter.HEADER, description="ETag of the copy you have."
)
NOT_MODIFIED = OpenApiResponse(description="Your copy is still the newest.")


def version_tag(version: int, *also: object) -> str:
    if not also:
        return f'"{version}"'
    digest = hashlib.sha256("\n".join(map(str, also)).encode()).hexdigest()[:16]
    return f'"{version}-{digest}"'


def versioned(request: Request, data: Any, *, tag: str, status: int = 200) -> Response | HttpResponse:
    """The thing with its ETag; 304 when a reader has it already."""
    if request.method in {"GET", "HEAD"} and is_known(request.headers.get("If-None-Match", ""), tag):
        return not_modified(etag=tag)
    return Response(data, status=status, headers={"ETag": tag, "Cache-Control": "private, no-cache"})


def is_known(header: str, etag: str) -> bool:
    """Does ``If-None-Match`` name this tag?  Weak comparison (RFC 9110 §8.8.3.2)."""
    if not header:
        return False
    bare = etag.removeprefix("W/")
    return any(known == "*" or known.removeprefix("W/") == bare for known in parse_etags(header))


def expected_version(request: Request) -> int | None:
    """The version the caller started from, from ``If-Match`` or the body's ``version``; None when neither is sent.

    Raises Invalid for what is no version.
    """
    text = request.headers.get("If-Match", "").strip()
    if not text:
        text = str(request.data.get("version") or "") if isinstance(request.data, Mapping) else ""
    if not text or text == "*":
        return None
    found = _VERSION_TAG.fullmatch(text)
    if found is None:
        raise Invalid(errors=[FieldError("version", "invalid", _("A whole number from 1."))])
    return int(found.group(1))


def required_version(request: Request) -> int:
    """The same where it must be sent (decision 35).  Raises PreconditionRequired."""
    version = expected_version(request)
    if version is None:
        raise PreconditionRequired
    return version
