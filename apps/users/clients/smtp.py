"""The mail server: Django's SMTP backend, with one connection kept for a batch of messages.

    delivery = deliver(letter, before_content=lambda: mark_sending(…))

Raises MailServerUnavailable (4xx, or no connection: nothing was accepted), MailRefused (5xx: nothing was accepted),
MailOutcomeUnknown (the connection was lost after the content had left), and whatever ``before_content`` raises: then
nothing has left.

The connection stays open for the messages that the same process sends soon after: a batch of a thousand welcome
letters costs one greeting, not a thousand.  It is given up after ``LETTERS_PER_CONNECTION``, after an error, and when
it has rested for ``REST_SECONDS``, because servers hang up on idle clients.
"""

from __future__ import annotations

import re
import smtplib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.smtp import EmailBackend

from apps.users.errors import MailOutcomeUnknown, MailRefused, MailServerUnavailable

LETTERS_PER_CONNECTION = 100
REST_SECONDS = 20.0
OK, GO_AHEAD = 250, 354
_LINE_WITH_DOT = re.compile(rb"(?m)^\.")
_MAX_ERROR = 500


class LetterFile(Protocol):
    @property
    def filename(self) -> str: ...
    @property
    def content_type(self) -> str: ...
    @property
    def content(self) -> bytes: ...


class Letter(Protocol):
    """What is sent, whoever describes it."""

    @property
    def message_id(self) -> str: ...
    @property
    def sender(self) -> str: ...
    @property
    def to(self) -> list[str]: ...
    @property
    def cc(self) -> list[str]: ...
    @property
    def subject(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def html(self) -> str: ...
    @property
    def files(self) -> Sequence[LetterFile]: ...


@dataclass(frozen=True, slots=True)
class Delivery:
    """The server took it.  ``refused``: recipients it did not take, with its words."""

    refused: dict[str, str]


@dataclass(slots=True)
class _Course:
    """What happened so far with the message that is under way."""

    before_content: Callable[[], None]
    content_left: bool = False
    refused: dict[str, str] = field(default_factory=dict)


class _Watched:
    """smtplib's client that tells when the content leaves, and what became of each recipient."""

    course: _Course

    def rcpt(self, recip: str, options: Any = ()) -> tuple[int, bytes]:
        code, words = super().rcpt(recip, options)  # type: ignore[misc]
        if code not in (250, 251):
            self.course.refused[recip] = f"{code} {_words(words)}"
        return code, words

    def data(self, msg: Any) -> tuple[int, bytes]:
        """As smtplib's, with a look up between "go ahead" and the first byte of the content."""
        self.putcmd("data")  # type: ignore[attr-defined]
        code, words = self.getreply()  # type: ignore[attr-defined]
        if code != GO_AHEAD:
            raise smtplib.SMTPDataError(code, words)
        self.course.before_content()
        self.course.content_left = True
        self.sock.settimeout(settings.EMAIL_REPLY_TIMEOUT)  # type: ignore[attr-defined]
        quoted = _LINE_WITH_DOT.sub(b"..", msg)
        self.send(quoted + (b"" if quoted.endswith(b"\r\n") else b"\r\n") + b".\r\n")  # type: ignore[attr-defined]
        answer: tuple[int, bytes] = self.getreply()  # type: ignore[attr-defined]
        self.sock.settimeout(settings.EMAIL_TIMEOUT)  # type: ignore[attr-defined]
        return answer


class _Plain(_Watched, smtplib.SMTP):
    pass


class _Tls(_Watched, smtplib.SMTP_SSL):
    pass


class KeptBackend(EmailBackend):
    """Django's backend over our client; everything else (TLS, sign-in, encoding) is Django's."""

    @property
    def connection_class(self) -> Any:
        return _Tls if self.use_ssl else _Plain


@dataclass(slots=True)
class _Kept:
    backend: KeptBackend
    server: tuple[Any, ...]
    letters: int = 0
    used_at: float = 0.0


_kept: _Kept | None = None


def deliver(letter: Letter, *, before_content: Callable[[], None]) -> Delivery:
    """Hand one message to the server.  For the errors see above."""
    course = _Course(before_content)
    try:
        kept = _connection()
        kept.backend.connection.course = course  # type: ignore[union-attr]
        kept.backend.send_messages([_message(letter)])
    except Exception as error:
        hang_up()
        if isinstance(error, smtplib.SMTPException | OSError):
            raise _as_ours(error, course) from error
        raise
    kept.letters += 1
    kept.used_at = time.monotonic()
    return Delivery(course.refused)


def hang_up() -> None:
    """Close the kept connection, if there is one."""
    global _kept  # one connection per process, like Django's own
    kept, _kept = _kept, None
    if kept is None:
        return
    client = kept.backend.connection
    if client is not None:
        # Without QUIT: a server that does not answer must not keep us.
        client.close()


def _connection() -> _Kept:
    global _kept
    server = (settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_HOST_USER)
    if _kept is not None and (_kept.server != server or _is_spent(_kept)):
        hang_up()
    if _kept is None:
        backend = KeptBackend(fail_silently=False)
        try:
            backend.open()
        except (smtplib.SMTPException, OSError) as error:
            # Whatever it says to a greeting or a password is about us, not about this message.
            raise MailServerUnavailable(_told(error)) from error
        _kept = _Kept(backend, server, used_at=time.monotonic())
    return _kept


def _is_spent(kept: _Kept) -> bool:
    return kept.letters >= LETTERS_PER_CONNECTION or time.monotonic() - kept.used_at > REST_SECONDS


def _message(letter: Letter) -> EmailMultiAlternatives:
    message = EmailMultiAlternatives(
        subject=letter.subject,
        body=letter.text,
        from_email=letter.sender,
        to=letter.to,
        cc=letter.cc,
        headers={"Message-ID": letter.message_id, "Auto-Submitted": "auto-generated"},
    )
    if letter.html:
        message.attach_alternative(letter.html, "text/html")
    for one in letter.files:
        message.attach(one.filename, one.content, one.content_type)
    return message


def _as_ours(error: Exception, course: _Course) -> MailServerUnavailable | MailRefused | MailOutcomeUnknown:
    codes = _codes(error)
    if not codes:
        return (MailOutcomeUnknown if course.content_left else MailServerUnavailable)(_told(error))
    return (MailRefused if all(code >= 500 for code in codes) else MailServerUnavailable)(_told(error))


def _codes(error: Exception) -> list[int]:
    """What the server answered; nothing when it did not answer."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return [code for code, _ in error.recipients.values()]
    return [error.smtp_code] if isinstance(error, smtplib.SMTPResponseException) else []


def _told(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        told = "; ".join(f"{who}: {code} {_words(words)}" for who, (code, words) in error.recipients.items())
    elif isinstance(error, smtplib.SMTPResponseException):
        told = f"{error.smtp_code} {_words(error.smtp_error)}"
    else:
        told = f"{type(error).__name__}: {error}"
    return told[:_MAX_ERROR]


def _words(words: bytes | str) -> str:
    return words.decode("utf-8", "replace") if isinstance(words, bytes) else words
