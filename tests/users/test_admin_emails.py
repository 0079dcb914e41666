"""Sent e-mails in the back-office, and what people decide about the unclear ones."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.audit.testing import recorded
from apps.taskhub.testing import queued
from apps.users.models import Email, EmailAttachment
from tests.factories.users import EmailFactory, UserFactory

pytestmark = pytest.mark.django_db

LIST = "admin:users_email_changelist"


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(UserFactory(username="ops", role="operator"))
    return client


def text_of(response: Any) -> str:
    return str(response.content.decode())


def decide(client: Client, action: str, email: Email, **given: str) -> Any:
    address = reverse(f"admin:users_email_{action}", args=[email.pk])
    return client.post(address, {"_form_submitted": "on", "reason": "seen", **given})


@pytest.mark.parametrize("query", ["wu@example.com", "Rules", "rules-1"])
def test_messages_are_found_by_address_subject_and_request(operator: Client, query: str) -> None:
    EmailFactory(subject="Rules meeting", recipients="lin@example.com wu@example.com", request_id="rules-1")
    EmailFactory(subject="Something else")

    page = text_of(operator.get(reverse(LIST), {"q": query}))

    assert "Rules meeting" in page
    assert "Something else" not in page


def test_a_message_is_shown_as_text_never_as_a_page(operator: Client) -> None:
    email = EmailFactory(html="<script>alert(1)</script>", refused={"gone@example.com": "550 no"}, state="sent")
    EmailAttachment.objects.create(
        email=email, position=0, filename="<i>.pdf", content_type="application/pdf", size=2048, sha256="0" * 64
    )

    page = text_of(operator.get(reverse("admin:users_email_change", args=[email.pk])))

    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert(1)" not in page
    assert "&lt;i&gt;.pdf" in page
    assert "550 no" in page
    assert email.task_id in page


@pytest.mark.parametrize(
    ("state", "again", "arrived"),
    [("sent", False, False), ("waiting", False, False), ("failed", True, False), ("unclear", True, True)],
)
def test_buttons_stand_only_where_a_decision_is_needed(
    operator: Client, state: str, again: bool, arrived: bool
) -> None:
    email = EmailFactory(state=state)

    page = text_of(operator.get(reverse("admin:users_email_change", args=[email.pk])))

    assert (reverse("admin:users_email_send_again", args=[email.pk]) in page) is again
    assert (reverse("admin:users_email_confirm_sent", args=[email.pk]) in page) is arrived


def test_a_person_decides_with_a_reason(operator: Client) -> None:
    first, second = (EmailFactory(state="unclear", sending_at=timezone.now()) for _ in range(2))
    assert decide(operator, "send_again", first, reason="").status_code == 200
    assert queued() == []

    decide(operator, "send_again", first)
    decide(operator, "confirm_sent", second)

    assert [email.state for email in Email.objects.order_by("id")] == ["waiting", "sent"]
    assert queued() == [("email.send", {"request_id": first.request_id})]
    events = [event for event in recorded() if event["resource_type"] == "email"]
    assert [(event["action"], event["actor_label"], event["reason"]) for event in events] == [
        ("retried", "ops", "seen"),
        ("approved", "ops", "seen"),
    ]


def test_who_may_only_look_decides_nothing(client: Client) -> None:
    client.force_login(UserFactory(role="auditor"))
    email = EmailFactory(state="unclear")

    assert client.get(reverse(LIST)).status_code == 200
    assert decide(client, "send_again", email).status_code == 403
    client.force_login(UserFactory(role="editor"))
    assert client.get(reverse(LIST)).status_code == 403
    assert Email.objects.get().state == "unclear"
