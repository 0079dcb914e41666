"""The error tree and the one table of error codes (decision 6).

Raise these anywhere below the doors.  The DRF handler turns them into the envelope, ``hub_task`` into retry
(``Unavailable``) or stop (every other).  The domain knows no status codes; the status of each code stands in
``apps/core/api/errors.py``.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from django.utils.functional import Promise, lazy
from django.utils.translation import gettext_lazy as _

Text = str | Promise

_filled: Callable[[Text, Mapping[str, object]], Text] = lazy(lambda template, values: str(template) % values, str)


def worded(template: Text, **values: object) -> Text:
    """A sentence with values, put together anew in the language of each reader (J-1).

    ``_("Piece %(number)s …") % {…}`` is fixed in the language of whoever raises it: both languages of an answer would
    then say the same.
    """
    return _filled(template, values)


class ErrorCode(enum.IntEnum):
    """Numbers that API consumers match on.  Never renumber, never reuse."""

    OK = 0
    INVALID_PARAMETER = 1001
    MISSING_TOKEN = 1002
    INVALID_TOKEN = 1003
    WRONG_CREDENTIALS = 1004
    FORBIDDEN = 1005
    NOT_FOUND = 1006
    CONFLICT = 1007
    TOO_MANY_REQUESTS = 1008
    BODY_TOO_LARGE = 1009
    UNSUPPORTED_MEDIA_TYPE = 1010
    METHOD_NOT_ALLOWED = 1011
    PRECONDITION_REQUIRED = 1012
    PRECONDITION_FAILED = 1013
    IDEMPOTENCY_KEY_REUSED = 1014
    INTERNAL = 2001
    DATABASE_UNAVAILABLE = 2002
    REDIS_UNAVAILABLE = 2003
    QUEUE_UNAVAILABLE = 2004
    TIMEOUT = 2005
    UPSTREAM_FAILED = 2006


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one named field.  ``code`` is a stable English word, ``detail`` a translated sentence."""

    field: str
    code: str
    detail: Text


class AppError(Exception):
    """Base of every error of ours.  ``message`` defaults to the class's own sentence."""

    code: ClassVar[ErrorCode] = ErrorCode.INTERNAL
    default_message: ClassVar[Text] = _("Something went wrong on our side.")

    def __init__(
        self,
        message: Text | None = None,
        *,
        errors: list[FieldError] | None = None,
        retry_after_seconds: int | None = None,
        **details: Any,
    ) -> None:
        self.message: Text = message if message is not None else self.default_message
        self.errors: list[FieldError] = errors or []
        self.retry_after_seconds = retry_after_seconds
        self.details = details
        super().__init__(self.message)

    def __str__(self) -> str:
        return str(self.message)


class Invalid(AppError):
    code = ErrorCode.INVALID_PARAMETER
    default_message = _("A parameter is invalid.")


class Unauthenticated(AppError):
    code = ErrorCode.MISSING_TOKEN
    default_message = _("Sign in first: no access token was sent.")


class InvalidToken(Unauthenticated):
    code = ErrorCode.INVALID_TOKEN
    default_message = _("The access token is invalid or has expired.")


class WrongCredentials(Unauthenticated):
    code = ErrorCode.WRONG_CREDENTIALS
    default_message = _("User name or password is wrong.")


class Denied(AppError):
    code = ErrorCode.FORBIDDEN
    default_message = _("You are not allowed to do this.")


class NotFound(AppError):
    code = ErrorCode.NOT_FOUND
    default_message = _("Not found.")


class Conflict(AppError):
    code = ErrorCode.CONFLICT
    default_message = _("This conflicts with the present state.")


class TooMany(AppError):
    code = ErrorCode.TOO_MANY_REQUESTS
    default_message = _("Too many requests: wait a moment.")


class BodyTooLarge(AppError):
    code = ErrorCode.BODY_TOO_LARGE
    default_message = _("The request body is too large.")


class UnsupportedMediaType(AppError):
    code = ErrorCode.UNSUPPORTED_MEDIA_TYPE
    default_message = _("This media type is not supported.")


class MethodNotAllowed(AppError):
    code = ErrorCode.METHOD_NOT_ALLOWED
    default_message = _("This method is not allowed here.")


class PreconditionRequired(AppError):
    code = ErrorCode.PRECONDITION_REQUIRED
    default_message = _("Send the version you started from.")


class PreconditionFailed(AppError):
    code = ErrorCode.PRECONDITION_FAILED
    default_message = _("Somebody else changed this in the meantime.")


class IdempotencyKeyReused(AppError):
    code = ErrorCode.IDEMPOTENCY_KEY_REUSED
    default_message = _("This idempotency key was used with another body.")


class Unavailable(AppError):
    """A neighbour does not answer.  Worth a retry: tasks that raise it are tried again."""

    code = ErrorCode.UPSTREAM_FAILED
    default_message = _("A service we depend on does not answer.")


class UpstreamFailed(Unavailable):
    code = ErrorCode.UPSTREAM_FAILED


class DatabaseUnavailable(Unavailable):
    code = ErrorCode.DATABASE_UNAVAILABLE
    default_message = _("The database is unavailable.")


class RedisUnavailable(Unavailable):
    code = ErrorCode.REDIS_UNAVAILABLE
    default_message = _("Redis is unavailable.")


class QueueUnavailable(Unavailable):
    code = ErrorCode.QUEUE_UNAVAILABLE
    default_message = _("The task queue is unavailable.")


class TimedOut(Unavailable):
    code = ErrorCode.TIMEOUT
    default_message = _("This took too long and was stopped.")
