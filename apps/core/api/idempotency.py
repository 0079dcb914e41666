"""``Idempotency-Key`` on POST: a request that is sent again has one effect and gets the same answer.

    class OrderListView(APIView):
        @extend_schema(…)
        @idempotent
        def post(self, request): …

With the header the method runs inside a transaction that also keeps its answer, for 24 hours; whoever sends the same
key and the same request gets that answer again, with ``Idempotency-Replayed: true`` and a fresh envelope.  Another
body under the same key is refused (422/1014).  Errors are not kept: the same key may try again.  Keys of different
users never meet; callers without a token share the keys of one path, so theirs should be random.

Not for methods that call other systems (there is a transaction around them) nor for those that answer secrets.
Documented in the schema by ``EnvelopeSchema``, which asks ``is_idempotent``.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Callable
from typing import Any

import orjson
from django.conf import settings
from django.core.files.base import File
from django.utils.crypto import salted_hmac
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.encoding import to_json
from apps.core.errors import FieldError, Invalid
from apps.core.idempotency import Answer, AnswerOnce

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
KEY_LENGTH = 128
# Visible ASCII: what survives every proxy and every log unchanged.
_KEY = re.compile(rf"[\x21-\x7e]{{1,{KEY_LENGTH}}}", re.ASCII)
_KEPT_HEADERS = ("ETag", "Location")

Handler = Callable[..., Response]


class _NotKept(Exception):
    """Carries an error that a handler returned instead of raising it past the transaction."""

    def __init__(self, response: Response) -> None:
        self.response = response


def idempotent(handler: Handler) -> Handler:
    """For a view's ``post``.  Without the header it runs as if this were not here."""

    @functools.wraps(handler)
    def once(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        given = request.headers.get(HEADER)
        if given is None:
            return handler(view, request, *args, **kwargs)
        answer_once: AnswerOnce = import_string(settings.IDEMPOTENCY_STORE)
        try:
            answer = answer_once(
                _scoped(_checked(given), request),
                fingerprint=_fingerprint(request),
                work=lambda: _kept(handler(view, request, *args, **kwargs)),
            )
        except _NotKept as error:
            return error.response
        return _as_response(answer)

    once.is_idempotent = True  # type: ignore[attr-defined]
    return once


def is_idempotent(view: Any, method: str) -> bool:
    return bool(getattr(getattr(view, method.lower(), None), "is_idempotent", False))


def _checked(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise Invalid(errors=[FieldError(HEADER, "invalid", _("1 to 128 visible ASCII characters without spaces."))])
    return key


def _scoped(key: str, request: Request) -> str:
    """Nobody meets the key of another caller."""
    user: Any = request.user
    caller = f"user {user.pk}" if user is not None and user.is_authenticated else f"anonymous {request.path}"
    return hashlib.sha256(f"{caller}\n{key}".encode()).hexdigest()


def _fingerprint(request: Request) -> str:
    """Of method, address and body, its files included.  Raises Invalid.

    Keyed: a body may hold a password, which a plain digest would let one guess.
    """
    try:
        body = orjson.dumps(request.data, default=_digest_of_file, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        # It reads lists four times as deep as it writes; nothing of ours is nested like that.
        raise Invalid(_("The body is nested too deeply.")) from None
    return salted_hmac(
        "apps.core.api.idempotency",
        b"\n".join(((request.method or "").encode(), request.get_full_path().encode(), body)),
        algorithm="sha256",
    ).hexdigest()


def _digest_of_file(value: Any) -> list[Any]:
    """What stands for a file of a form.  Raises TypeError for what is none."""
    if not isinstance(value, File):
        raise TypeError
    digest = hashlib.sha256()
    for piece in value.chunks():
        digest.update(piece)
    value.seek(0)
    return [value.name, value.size, digest.hexdigest()]


def _kept(response: Response) -> Answer:
    if response.status_code >= 400:
        raise _NotKept(response)
    headers = {name: response[name] for name in _KEPT_HEADERS if name in response}
    return Answer(response.status_code, to_json(response.data), headers)


def _as_response(answer: Answer) -> Response:
    headers = {**answer.headers, REPLAYED: "true"} if answer.replayed else answer.headers
    return Response(orjson.loads(answer.body), status=answer.status, headers=headers)
