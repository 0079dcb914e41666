"""Old messages lose their text and their files; their request ids never send a second time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.core.actor import Actor
from apps.core.errors import Conflict, IdempotencyKeyReused
from apps.scheduler.models import ScheduledTask
from apps.taskhub.models import Task
from apps.taskhub.services import enqueue
from apps.taskhub.testing import queued, run_queued
from apps.users import tasks
from apps.users.clients import smtp
from apps.users.errors import MailContentDropped
from apps.users.models import Email, EmailAttachmentPart
from apps.users.services import mail
from apps.users.services.mail import forgetting
from apps.users.task_names import FORGET_OLD_EMAILS, SEND_EMAIL
from tests.factories.users import EmailFactory, UserFactory
from tests.users.mail_server import PostOffice, post_office

pytestmark = pytest.mark.django_db

STAFF = Actor.command("test")
DONE = ("sent", "failed")
OTHERS = tuple(state for state in Email.State.values if state not in DONE)


@pytest.fixture
def office(settings: Any) -> Iterator[PostOffice]:
    with post_office() as office:
        office.configure(settings)
        yield office
        smtp.hang_up()


def letter(**changes: Any) -> mail.Mail:
    return mail.Mail(**{"to": ["lin@example.com"], "subject": "Weigh-in", "text": "At noon.", **changes})


def age(days: int) -> None:
    Email.objects.update(created_at=timezone.now() - timedelta(days=days))


def forget() -> int:
    return tasks.forget_old_emails()["emptied"]


def test_only_what_was_sent_or_has_failed_is_emptied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "AT_ONCE", 1)
    for state in Email.State.values:
        EmailFactory(state=state, request_id=state, html="<p>x</p>")
    age(91)
    EmailFactory(state="sent", request_id="young")

    assert (forget(), forget()) == (2, 0)

    emptied = Email.objects.filter(content_dropped_at__isnull=False)
    assert set(emptied.values_list("state", "text", "html")) == {(state, "", "") for state in DONE}
    kept = Email.objects.filter(content_dropped_at__isnull=True)
    assert set(kept.values_list("request_id", "text")) == {(one, "Bring your passport.") for one in (*OTHERS, "young")}


def test_the_files_of_a_failed_message_go_and_what_they_were_stays(office: PostOffice) -> None:
    mail.queue_mail(letter(attachments=[ContentFile(b"names\n", name="names.txt")]), actor=STAFF, request_id="r-1")
    mail.queue_mail(letter(attachments=[ContentFile(b"names\n", name="names.txt")]), actor=STAFF, request_id="r-2")
    Email.objects.filter(request_id="r-1").update(state="failed")
    age(91)

    forget()

    failed, waiting = Email.objects.order_by("request_id")
    assert [one.filename for one in failed.attachments.all()] == ["names.txt"]
    assert EmailAttachmentPart.objects.get().attachment.email == waiting


@pytest.mark.parametrize("state", Email.State.values)
def test_a_request_id_sends_once_however_long_ago(office: PostOffice, state: str) -> None:
    first = mail.queue_mail(letter(), actor=STAFF, request_id="r-1")
    Email.objects.update(state=state)
    Task.objects.all().delete()
    age(4000)
    forget()

    assert mail.queue_mail(letter(), actor=STAFF, request_id="r-1") == first
    with pytest.raises(IdempotencyKeyReused):
        mail.queue_mail(letter(subject="Other"), actor=STAFF, request_id="r-1")
    assert queued(SEND_EMAIL) == []
    assert office.mailbox.taken == []


def test_an_emptied_message_is_not_sent_by_a_task_nor_by_a_person(office: PostOffice) -> None:
    mail.queue_mail(letter(), actor=STAFF, request_id="r-1")
    Task.objects.all().delete()
    Email.objects.update(state="failed")
    age(91)
    forget()
    email = Email.objects.get()

    with pytest.raises(Conflict):
        mail.send_again(email.pk, actor=STAFF, reason="late")
    task_id = enqueue(SEND_EMAIL, request_id="r-1")
    run_queued()

    task = Task.objects.get(task_id=task_id)
    assert task.dead_reason == "not_recoverable"
    assert MailContentDropped.__name__ in task.last_error
    email.refresh_from_db()
    assert (email.state, email.claim, office.mailbox.taken) == ("failed", "", [])


def test_an_emptied_message_says_so_and_has_no_buttons(client: Client) -> None:
    client.force_login(UserFactory(role="operator"))
    email = EmailFactory(state="failed", text="", content_dropped_at=timezone.now())

    page = client.get(reverse("admin:users_email_change", args=[email.pk])).content.decode()

    assert "正文与附件已在 90 天后清除" in page
    assert reverse("admin:users_email_send_again", args=[email.pk]) not in page


def test_the_task_runs_every_night() -> None:
    EmailFactory(state="sent")
    age(91)

    enqueue(FORGET_OLD_EMAILS)
    run_queued()

    assert Email.objects.get().text == ""
    assert ScheduledTask.objects.filter(uid="users.forget_old_emails").exists()
