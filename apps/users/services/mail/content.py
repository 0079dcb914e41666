"""What may be sent: addresses, sizes, no header injection, attachments by what they are (decision 25).

``checked`` is the only way from outside values to a message; everything wrong is named at once, by field.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import orjson
from django.core.exceptions import ValidationError
from django.core.files.base import File
from django.core.validators import EmailValidator
from django.utils.translation import gettext_lazy as _

from apps.core.errors import FieldError, Invalid, worded
from apps.users.services.mail.kinds import HEAD_BYTES, kind_of

MAX_RECIPIENTS = 50
MAX_ADDRESS_LENGTH = 254
MAX_SUBJECT_LENGTH = 255
MAX_TEXT_BYTES = 256 * 1024
MAX_HTML_BYTES = 512 * 1024
MAX_ATTACHMENTS = 20
MAX_FILENAME_LENGTH = 150
MAX_ATTACHMENT_BYTES = 10 * 1024 * 1024
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}\Z")
# Request ids that we make ourselves: whoever took one from outside would stand in the way of our own message.
WELCOME_PREFIX, REST_PREFIX = "welcome:", "rest:"
_valid_address = EmailValidator()


@dataclass(frozen=True, slots=True)
class Mail:
    """A message as it was asked for.  ``attachments`` are Django files, read in pieces."""

    to: Sequence[str]
    subject: str
    text: str = ""
    html: str = ""
    cc: Sequence[str] = ()
    attachments: Sequence[File[bytes]] = ()


@dataclass(frozen=True, slots=True)
class CheckedFile:
    filename: str
    content_type: str
    size: int
    sha256: str
    file: File[bytes]


@dataclass(frozen=True, slots=True)
class CheckedMail:
    """Good to be sent.  ``digest`` is the same for two messages only if they say the same to the same people."""

    to: list[str]
    cc: list[str]
    subject: str
    text: str
    html: str
    attachments: list[CheckedFile] = field(default_factory=list)

    @property
    def digest(self) -> str:
        files = [[one.filename, one.size, one.sha256] for one in self.attachments]
        told = [self.to, self.cc, self.subject, self.text, self.html, files]
        return hashlib.sha256(orjson.dumps(told)).hexdigest()


def checked(mail: Mail) -> CheckedMail:
    """Raises Invalid, naming every field that is wrong."""
    errors = [
        *_recipient_errors(mail),
        *_text_errors(mail),
        *_file_errors(mail.attachments),
    ]
    if errors:
        raise Invalid(errors=errors)
    files = [_checked_file(one) for one in mail.attachments]
    if wrong := [error for number, one in enumerate(files) for error in _kind_errors(number, one)]:
        raise Invalid(errors=wrong)
    to = _unique(mail.to, known=set())
    cc = _unique(mail.cc, known={address.casefold() for address in to})
    return CheckedMail(to, cc, mail.subject.strip(), mail.text, mail.html, files)


def check_request_id(request_id: str) -> str:
    """Raises Invalid."""
    if not _REQUEST_ID.match(request_id):
        sentence = _("1 to 128 letters, digits and . _ : -")
        raise Invalid(errors=[FieldError("request_id", "invalid", sentence)])
    return request_id


def refuse_reserved(request_id: str) -> None:
    """Raises Invalid for an id from outside that only we may make."""
    for prefix in (WELCOME_PREFIX, REST_PREFIX):
        if request_id.startswith(prefix):
            sentence = worded(_("Ids that begin with %(prefix)s are reserved."), prefix=prefix)
            raise Invalid(errors=[FieldError("request_id", "reserved", sentence)])


# --- addresses ------------------------------------------------------------------------------------------------------
def _recipient_errors(mail: Mail) -> Iterator[FieldError]:
    """All of them together are limited, whichever line they stand in."""
    if not mail.to:
        yield FieldError("to", "required", _("At least one address."))
    if len(mail.to) + len(mail.cc) > MAX_RECIPIENTS:
        name = "to" if len(mail.to) > MAX_RECIPIENTS else "cc"
        yield FieldError(name, "too_many", worded(_("At most %(count)d addresses together."), count=MAX_RECIPIENTS))
        return
    for name, addresses in (("to", mail.to), ("cc", mail.cc)):
        for number, address in enumerate(addresses):
            if not is_address(address):
                yield FieldError(f"{name}.{number}", "invalid_address", _("This is not an e-mail address."))


def is_address(address: str) -> bool:
    """A plain address: no display name, no second address, no line break that would begin another header."""
    text = address.strip()
    if len(text) > MAX_ADDRESS_LENGTH or _has_control(address):
        return False
    try:
        _valid_address(text)
    except ValidationError:
        return False
    return text.isascii()


def _unique(addresses: Sequence[str], *, known: set[str]) -> list[str]:
    """In the order given; nobody gets the same message twice."""
    kept: list[str] = []
    for address in (one.strip() for one in addresses):
        if address.casefold() not in known:
            known.add(address.casefold())
            kept.append(address)
    return kept


# --- texts ----------------------------------------------------------------------------------------------------------
def _text_errors(mail: Mail) -> Iterator[FieldError]:
    if not mail.subject.strip():
        yield FieldError("subject", "required", _("A message needs a subject."))
    elif len(mail.subject) > MAX_SUBJECT_LENGTH:
        yield FieldError("subject", "too_long", worded(_("At most %(count)d characters."), count=MAX_SUBJECT_LENGTH))
    elif _has_control(mail.subject):
        yield FieldError("subject", "control_characters", _("No line breaks or control characters."))
    if not mail.text.strip() and not mail.html.strip():
        yield FieldError("body", "required", _("A message needs a text."))
    for name, text, most in (("body", mail.text, MAX_TEXT_BYTES), ("html", mail.html, MAX_HTML_BYTES)):
        if len(text.encode("utf-8", "replace")) > most:
            yield FieldError(name, "too_long", worded(_("At most %(count)d KB."), count=most // 1024))
        elif _is_unwritable(text):
            yield FieldError(name, "control_characters", _("No zero bytes and no halves of characters."))


def _has_control(text: str) -> bool:
    """Line breaks of any script, control characters, halves of surrogate pairs."""
    return any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in text)


def _is_unwritable(text: str) -> bool:
    return "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text)


# --- attachments ----------------------------------------------------------------------------------------------------
def _file_errors(files: Sequence[File[bytes]]) -> Iterator[FieldError]:
    if len(files) > MAX_ATTACHMENTS:
        yield FieldError("attachments", "too_many", worded(_("At most %(count)d files."), count=MAX_ATTACHMENTS))
    if sum(one.size for one in files) > MAX_ATTACHMENT_BYTES:
        most = MAX_ATTACHMENT_BYTES // 2**20
        yield FieldError("attachments", "too_large", worded(_("At most %(count)d MB together."), count=most))
    for number, one in enumerate(files):
        name = one.name or ""
        if (
            not name.strip()
            or len(name) > MAX_FILENAME_LENGTH
            or _has_control(name)
            or re.search(r'[/\\:*?"<>|]', name)
        ):
            yield FieldError(f"attachments.{number}", "invalid_name", _("This is not the name of a file."))
        elif not one.size:
            yield FieldError(f"attachments.{number}", "empty", _("The file is empty."))


def _checked_file(file: File[bytes]) -> CheckedFile:
    """Reads the whole file once, in pieces."""
    digest, head = hashlib.sha256(), b""
    for piece in file.chunks():
        digest.update(piece)
        head = head or piece[:HEAD_BYTES]
    name = (file.name or "").strip()
    return CheckedFile(name, kind_of(name, head, file), file.size, digest.hexdigest(), file)


def _kind_errors(number: int, file: CheckedFile) -> Iterator[FieldError]:
    if not file.content_type:
        sentence = _("This kind of file can't be attached, or its content is not what its name says.")
        yield FieldError(f"attachments.{number}", "type_not_allowed", sentence)
