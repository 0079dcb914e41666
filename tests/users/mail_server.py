"""A real SMTP server on loopback that takes, delays, refuses or hangs up, as a test says."""

from __future__ import annotations

import asyncio
import email
import email.policy
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


class Mailbox:
    """aiosmtpd's handler.  ``taken`` are the messages that were answered with 250."""

    def __init__(self) -> None:
        self.taken: list[EmailMessage] = []
        self.envelopes: list[Envelope] = []
        self.greetings = 0
        self.data_answers: list[str] = []
        self.recipient_answers: dict[str, str] = {}
        self.delay_seconds = 0.0
        self.hang_up_after_content = 0
        # "RCPT lin@example.com", "DATA lin@example.com": wait there as long as it stands here.
        self.stalls: set[str] = set()
        self.stalled: set[str] = set()

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: Any
    ) -> Any:
        self.greetings += 1
        session.host_name = hostname
        return responses

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        await self._stall(f"RCPT {address}")
        answer = self.recipient_answers.get(address, "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """The next of ``data_answers``, else "250 OK"."""
        answer = self.data_answers.pop(0) if self.data_answers else "250 OK"
        if answer.startswith("250"):
            self.envelopes.append(envelope)
            content = envelope.content
            assert isinstance(content, bytes)
            self.taken.append(email.message_from_bytes(content, policy=email.policy.default))
        await self._stall(f"DATA {envelope.rcpt_tos[0]}")
        if self.delay_seconds:
            await asyncio.sleep(self.delay_seconds)
        if self.hang_up_after_content:
            self.hang_up_after_content -= 1
            assert server.transport is not None
            server.transport.abort()
        return answer

    async def _stall(self, place: str) -> None:
        while place in self.stalls:
            self.stalled.add(place)
            await asyncio.sleep(0.02)

    @property
    def subjects(self) -> list[str]:
        return [str(message["Subject"]) for message in self.taken]


class PostOffice:
    """A mailbox and the address of its server."""

    def __init__(self, mailbox: Mailbox, port: int) -> None:
        self.mailbox, self.port = mailbox, port

    def configure(self, settings: Any) -> None:
        """Point this process's settings here, with short waits."""
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", self.port
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
        settings.EMAIL_TIMEOUT = settings.EMAIL_REPLY_TIMEOUT = 2

    @property
    def environment(self) -> dict[str, str]:
        """The same for a process of its own."""
        return {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(self.port), "SMTP_SECURITY": "none"}


class _AnyPort(Controller):
    """aiosmtpd asks itself whether it is up before it knows its port; we take what the system gives."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def post_office(*, password: str = "") -> Iterator[PostOffice]:
    """``password``: whoever signs in needs it."""
    mailbox = Mailbox()

    def sign_in(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: LoginPassword) -> AuthResult:
        return AuthResult(success=data.password == password.encode(), handled=False)

    # One mechanism: smtplib would try the next one after a refusal.
    one_way = {"auth_exclude_mechanism": ["LOGIN"], "auth_require_tls": False}
    locked = {"authenticator": sign_in, **one_way} if password else {}
    controller = _AnyPort(mailbox, hostname="127.0.0.1", port=0, data_size_limit=20 * 1024 * 1024, **locked)
    controller.start()
    try:
        yield PostOffice(mailbox, controller.port)
    finally:
        controller.stop()
