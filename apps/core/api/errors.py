"""From exceptions to answers: the one table of statuses and the DRF exception handler (decisions 5 and 6).

Everything that escapes a view becomes an ``AppError`` first (``as_app_error``), then an envelope.  Answers of class
5xx never show internals: the sentence is the class's own, the cause stands in app.log under the request id.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import redis
import structlog
from django import db
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import Http404, HttpResponse
from django.utils.functional import Promise
from django.utils.translation import get_language, override
from kombu.exceptions import OperationalError as BrokerError
from rest_framework import exceptions as drf
from rest_framework.response import Response

from apps.core import context
from apps.core import errors as app
from apps.core.api.envelope import JSON, SUCCESS_MESSAGES, EnvelopeRenderer, ErrorBody
from apps.core.db import error_codes
from apps.core.encoding import now_text, to_json
from apps.core.errors import AppError, ErrorCode, FieldError

log = structlog.get_logger(__name__)

LANGUAGES = ("zh-hans", "en")
# How a database says that it stopped a statement: SQLSTATE of PostgreSQL, numbers of MySQL and MariaDB (1205: waited
# too long for a row lock), SQLite's word when our progress handler stopped it (core.time_limits).
QUERY_CANCELLED = {"57014", "3024", "1969", "1205", "interrupted"}

STATUS: dict[ErrorCode, int] = {
    ErrorCode.OK: 200,
    ErrorCode.INVALID_PARAMETER: 400,
    ErrorCode.MISSING_TOKEN: 401,
    ErrorCode.INVALID_TOKEN: 401,
    ErrorCode.WRONG_CREDENTIALS: 401,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.CONFLICT: 409,
    ErrorCode.TOO_MANY_REQUESTS: 429,
    ErrorCode.BODY_TOO_LARGE: 413,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: 415,
    ErrorCode.METHOD_NOT_ALLOWED: 405,
    ErrorCode.PRECONDITION_REQUIRED: 428,
    ErrorCode.PRECONDITION_FAILED: 412,
    ErrorCode.IDEMPOTENCY_KEY_REUSED: 422,
    ErrorCode.INTERNAL: 500,
    ErrorCode.DATABASE_UNAVAILABLE: 503,
    ErrorCode.REDIS_UNAVAILABLE: 503,
    ErrorCode.QUEUE_UNAVAILABLE: 503,
    ErrorCode.TIMEOUT: 504,
    ErrorCode.UPSTREAM_FAILED: 502,
}

# The error class whose sentence explains a code to the reader of the docs and of the schema.
ERROR_CLASSES: dict[ErrorCode, type[AppError]] = {
    ErrorCode.INVALID_PARAMETER: app.Invalid,
    ErrorCode.MISSING_TOKEN: app.Unauthenticated,
    ErrorCode.INVALID_TOKEN: app.InvalidToken,
    ErrorCode.WRONG_CREDENTIALS: app.WrongCredentials,
    ErrorCode.FORBIDDEN: app.Denied,
    ErrorCode.NOT_FOUND: app.NotFound,
    ErrorCode.CONFLICT: app.Conflict,
    ErrorCode.TOO_MANY_REQUESTS: app.TooMany,
    ErrorCode.BODY_TOO_LARGE: app.BodyTooLarge,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: app.UnsupportedMediaType,
    ErrorCode.METHOD_NOT_ALLOWED: app.MethodNotAllowed,
    ErrorCode.PRECONDITION_REQUIRED: app.PreconditionRequired,
    ErrorCode.PRECONDITION_FAILED: app.PreconditionFailed,
    ErrorCode.IDEMPOTENCY_KEY_REUSED: app.IdempotencyKeyReused,
    ErrorCode.INTERNAL: AppError,
    ErrorCode.DATABASE_UNAVAILABLE: app.DatabaseUnavailable,
    ErrorCode.REDIS_UNAVAILABLE: app.RedisUnavailable,
    ErrorCode.QUEUE_UNAVAILABLE: app.QueueUnavailable,
    ErrorCode.TIMEOUT: app.TimedOut,
    ErrorCode.UPSTREAM_FAILED: app.UpstreamFailed,
}


def exception_handler(exc: Exception, handler_context: dict[str, Any]) -> Response:
    """DRF's EXCEPTION_HANDLER.  Never returns None: nothing escapes as a bare 500."""
    error = as_app_error(exc)
    log_failure(exc, error)
    response = Response(error_body(error), status=STATUS[error.code])
    for name, value in headers(exc, error).items():
        response[name] = value
    response.exception = True
    # Also where the view itself speaks something else: HTML, YAML.
    handler_context["request"].accepted_renderer = EnvelopeRenderer()
    handler_context["request"].accepted_media_type = JSON
    return response


def error_response(exc: Exception) -> HttpResponse:
    """The same answer outside DRF."""
    error = as_app_error(exc)
    log_failure(exc, error)
    return HttpResponse(
        to_json(error_body(error)), status=STATUS[error.code], content_type=JSON, headers=headers(exc, error)
    )


def as_app_error(exc: BaseException) -> AppError:
    """Our error for any exception; ``AppError`` itself (2001) for what nobody foresaw."""
    if isinstance(exc, AppError):
        return exc
    if isinstance(exc, drf.APIException):
        return _from_drf(exc)
    if isinstance(exc, DjangoValidationError):
        return app.Invalid(errors=list(_django_fields(exc)))
    return _from_outside(exc)


def error_body(error: AppError) -> ErrorBody:
    messages = bilingual(error)
    return ErrorBody(
        code=int(error.code),
        msg=messages.get(get_language() or "", messages["zh-hans"]),
        data=None,
        timestamp=now_text(),
        request_id=context.current().request_id,
        messages=messages,
        errors=[{"field": item.field, "code": item.code, "detail": str(item.detail)} for item in error.errors],
    )


def bilingual(error: AppError) -> dict[str, str]:
    """The sentence in both languages.  A 5xx says its class's sentence, whatever was raised."""
    text = error.message if STATUS[error.code] < 500 else ERROR_CLASSES[error.code].default_message
    if not isinstance(text, Promise):
        return dict.fromkeys(LANGUAGES, str(text))
    return {language: _in_language(text, language) for language in LANGUAGES}


def headers(exc: Exception, error: AppError) -> dict[str, str]:
    found: dict[str, str] = {}
    if challenge := getattr(exc, "auth_header", None):
        found["WWW-Authenticate"] = challenge
    if error.retry_after_seconds is not None:
        found["Retry-After"] = str(max(1, error.retry_after_seconds))
    return found


def log_failure(exc: BaseException, error: AppError) -> None:
    status = STATUS[error.code]
    if error.code == ErrorCode.INTERNAL:
        log.error("request_failed", code=int(error.code), exc_info=exc)
    elif status >= 500:
        log.warning("request_unanswerable", code=int(error.code), error=f"{type(exc).__name__}: {exc}")


def status_messages(code: ErrorCode) -> dict[str, str]:
    """What a code means, in both languages: for the docs and the schema."""
    if code is ErrorCode.OK:
        return dict(SUCCESS_MESSAGES)
    return bilingual(ERROR_CLASSES[code]())


def _in_language(text: app.Text, language: str) -> str:
    with override(language):
        return str(text)


def _from_drf(exc: drf.APIException) -> AppError:
    if isinstance(exc, drf.ValidationError):
        return app.Invalid(errors=list(_drf_fields(exc.detail)))
    if isinstance(exc, drf.Throttled):
        return app.TooMany(retry_after_seconds=math.ceil(getattr(exc, "wait", None) or 1))
    for kind, ours in _DRF:
        if isinstance(exc, kind):
            return ours()
    if 400 <= exc.status_code < 500:
        return app.Invalid()
    return AppError()


_DRF: tuple[tuple[type[drf.APIException], type[AppError]], ...] = (
    (drf.NotAuthenticated, app.Unauthenticated),
    (drf.AuthenticationFailed, app.InvalidToken),
    (drf.PermissionDenied, app.Denied),
    (drf.NotFound, app.NotFound),
    (drf.MethodNotAllowed, app.MethodNotAllowed),
    (drf.UnsupportedMediaType, app.UnsupportedMediaType),
    (drf.ParseError, app.Invalid),
)


def _from_outside(exc: BaseException) -> AppError:
    if isinstance(exc, db.OperationalError | db.InterfaceError):
        return app.TimedOut() if _was_cancelled(exc) else app.DatabaseUnavailable()
    for kinds, ours in _OUTSIDE:
        if isinstance(exc, kinds):
            return ours()
    return AppError()


_OUTSIDE: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], type[AppError]], ...] = (
    (Http404, app.NotFound),
    (PermissionDenied, app.Denied),
    (RequestDataTooBig, app.BodyTooLarge),
    (SuspiciousOperation, app.Invalid),
    (redis.RedisError, app.RedisUnavailable),
    (BrokerError, app.QueueUnavailable),
)


def _was_cancelled(exc: BaseException) -> bool:
    """True when the server stopped the statement because it took too long."""
    return bool(error_codes(exc) & QUERY_CANCELLED)


def _drf_fields(detail: Any, path: str = "") -> Iterator[FieldError]:
    """DRF's nested details as a flat list; nested names are joined with dots, list places with numbers."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            own = "" if name == "non_field_errors" else str(name)
            yield from _drf_fields(inner, ".".join(filter(None, (path, own))))
    elif isinstance(detail, list):
        for position, inner in enumerate(detail):
            nested = isinstance(inner, dict | list)
            yield from _drf_fields(inner, f"{path}.{position}".lstrip(".") if nested else path)
    else:
        yield FieldError(path, str(getattr(detail, "code", None) or "invalid"), str(detail))


def _django_fields(exc: DjangoValidationError) -> Iterator[FieldError]:
    if hasattr(exc, "error_dict"):
        for name, problems in exc.error_dict.items():
            for problem in problems:
                yield from _one_django_field("" if name == "__all__" else name, problem)
    else:
        for problem in exc.error_list:
            yield from _one_django_field("", problem)


def _one_django_field(name: str, problem: DjangoValidationError) -> Iterator[FieldError]:
    for sentence in problem.messages:
        yield FieldError(name, str(problem.code or "invalid"), sentence)
