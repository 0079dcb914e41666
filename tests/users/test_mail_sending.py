"""Sending through a real SMTP server: taken, delayed, refused for now and for good, cut off."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import connections, transaction
from django.utils import timezone

from apps.audit.testing import recorded
from apps.core.actor import SYSTEM, Actor
from apps.core.errors import Conflict, IdempotencyKeyReused, Invalid, NotFound
from apps.taskhub.enums import TaskStatus
from apps.taskhub.models import Task
from apps.taskhub.services import EnqueueOptions, enqueue
from apps.taskhub.testing import queued, run_queued, run_task
from apps.users.clients import smtp
from apps.users.errors import MailOutcomeUnknown, MailServerUnavailable, MailTakenOver
from apps.users.models import Email, EmailAttachmentPart
from apps.users.services import mail
from apps.users.task_names import SEND_EMAIL
from tests.factories.users import EmailFactory, UserFactory
from tests.users.mail_server import PostOffice, post_office

pytestmark = pytest.mark.django_db

STAFF = Actor.command("test")


@pytest.fixture
def office(settings: Any) -> Iterator[PostOffice]:
    with post_office() as office:
        office.configure(settings)
        yield office
        smtp.hang_up()


def letter(**changes: Any) -> mail.Mail:
    fields: dict[str, Any] = {"to": ["lin@example.com"], "subject": "Weigh-in 称重", "text": "At noon.\n.dot\n"}
    return mail.Mail(**{**fields, **changes})


def run_later() -> int:
    """Run what waits, retries included."""
    return run_queued(now=timezone.now() + timedelta(days=1))


def run_what_waits_once() -> None:
    """What is queued meanwhile has to wait."""
    Task.objects.update(run_at=timezone.now())
    run_queued()


def state_of(request_id: str) -> str:
    return str(Email.objects.get(request_id=request_id).state)


def test_a_message_is_sent_with_both_texts_and_its_files(office: PostOffice) -> None:
    files = [ContentFile("名单\n".encode(), name="名单.txt"), ContentFile(b"%PDF-1.7 " + b"x" * 700_000, name="a.pdf")]
    wanted = letter(html="<p>At noon.</p>", cc=["wu@example.com"], attachments=files)
    task_id = mail.queue_mail(wanted, actor=STAFF, request_id="r-1")

    run_queued()

    [message], [envelope] = office.mailbox.taken, office.mailbox.envelopes
    assert envelope.rcpt_tos == ["lin@example.com", "wu@example.com"]
    assert (message["To"], message["Cc"], message["Subject"]) == ("lin@example.com", "wu@example.com", "Weigh-in 称重")
    assert message["Auto-Submitted"] == "auto-generated"
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert plain.get_content().splitlines() == ["At noon.", ".dot"]
    assert html.get_content().strip() == "<p>At noon.</p>"
    [text, pdf] = list(message.iter_attachments())
    assert (text.get_filename(), text.get_content_type()) == ("名单.txt", "text/plain")
    assert (pdf.get_filename(), len(pdf.get_content())) == ("a.pdf", 700_009)
    email = Email.objects.get()
    assert (email.state, email.task_id, str(message["Message-ID"])) == ("sent", task_id, email.message_id)
    assert EmailAttachmentPart.objects.count() == 0
    assert email.attachments.count() == 2
    task = Task.objects.get(task_id=task_id)
    assert (task.status, task.result["sent"]) == (TaskStatus.SUCCESS, True)


def test_the_same_request_is_one_message_and_another_content_is_refused(office: PostOffice) -> None:
    first = mail.queue_mail(letter(), actor=STAFF, request_id="r-1")
    again = mail.queue_mail(letter(), actor=STAFF, request_id="r-1")

    with pytest.raises(IdempotencyKeyReused):
        mail.queue_mail(letter(subject="Other"), actor=STAFF, request_id="r-1")
    run_queued()

    assert first == again
    assert queued(SEND_EMAIL) == [(SEND_EMAIL, {"request_id": "r-1"})]
    assert len(office.mailbox.taken) == 1


def test_a_sent_message_is_not_sent_by_another_task(office: PostOffice) -> None:
    mail.queue_mail(letter(), actor=STAFF, request_id="r-1")
    run_queued()

    enqueue(SEND_EMAIL, request_id="r-1")
    run_queued()

    assert len(office.mailbox.taken) == 1
    assert Task.objects.latest("id").result == {"sent": False, "reason": "sent before"}


def test_a_task_may_carry_its_message_and_is_single_by_its_own_id(office: PostOffice) -> None:
    task_id = enqueue(SEND_EMAIL, to="lin@example.com", cc=["wu@example.com"], subject="Hello", body="Text")
    run_queued()
    task = Task.objects.get(task_id=task_id)

    run_task(task)

    assert office.mailbox.subjects == ["Hello"]
    assert (Email.objects.get().request_id, Email.objects.get().cc) == (task_id, ["wu@example.com"])
    wrong = enqueue(SEND_EMAIL, to=["lin@example.com\nBcc: x@example.com"], subject="Hello", body="Text")
    run_queued()
    assert Task.objects.get(task_id=wrong).dead_reason == "not_recoverable"
    assert Email.objects.count() == 1


def test_a_wrong_password_of_ours_keeps_the_message_for_later(settings: Any) -> None:
    with post_office(password="right") as locked_office:
        locked_office.configure(settings)
        settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "bajiaozhi", "wrong"
        mail.queue_mail(letter(), actor=STAFF, request_id="r-1")
        run_queued()
        assert state_of("r-1") == "waiting"
        assert "535" in Email.objects.get().last_error

        settings.EMAIL_HOST_PASSWORD = "right"
        run_later()

        assert state_of("r-1") == "sent"
        assert len(locked_office.mailbox.taken) == 1
        smtp.hang_up()


def test_a_server_without_tls_gets_no_letter_when_tls_is_wanted(office: PostOffice, settings: Any) -> None:
    settings.EMAIL_USE_TLS = True
    mail.queue_mail(letter(), actor=STAFF, request_id="r-1")

    run_queued()

    assert state_of("r-1") == "waiting"
    assert office.mailbox.taken == []


def test_a_batch_goes_over_one_connection(office: PostOffice) -> None:
    for number in range(20):
        mail.queue_mail(letter(subject=f"No. {number}"), actor=STAFF)

    run_queued()

    assert len(office.mailbox.taken) == 20
    assert office.mailbox.greetings == 1


def test_a_server_that_hung_up_meanwhile_costs_a_retry_and_no_message(office: PostOffice, settings: Any) -> None:
    mail.queue_mail(letter(), actor=STAFF, request_id="r-1")
    run_queued()
    smtp._kept.backend.connection.sock.close()  # type: ignore[union-attr]
    mail.queue_mail(letter(), actor=STAFF, request_id="r-2")

    run_later()

    assert [state_of("r-1"), state_of("r-2")] == ["sent", "sent"]
    assert len(office.mailbox.taken) == 2


@pytest.mark.parametrize("words", ["451 try again", "421 busy", "452 no space"])
def test_a_temporary_refusal_is_tried_again(office: PostOffice, words: str) -> None:
    office.mailbox.data_answers = [words]
    task_id = mail.queue_mail(letter(), actor=STAFF, request_id="r-1")

    run_queued()

    email, task = Email.objects.get(), Task.objects.get(task_id=task_id)
    assert (email.state, task.status) == ("waiting", TaskStatus.FAIL)
    assert words in email.last_error
    run_later()
    email.refresh_from_db()
    assert (email.state, email.last_error) == ("sent", "")
    assert len(office.mailbox.taken) == 1


def test_a_permanent_refusal_stops_with_the_servers_words(office: PostOffice) -> None:
    office.mailbox.data_answers = ["554 spam"]
    task_id = mail.queue_mail(letter(), actor=STAFF, request_id="r-1")

    run_later()

    email, task = Email.objects.get(), Task.objects.get(task_id=task_id)
    assert (email.state, email.last_error) == ("failed", "554 spam")
    assert (task.status, task.dead_reason, task.attempts) == (TaskStatus.DEAD, "not_recoverable", 1)
    assert "554 spam" in task.last_error
    assert office.mailbox.taken == []


def test_recipients_are_refused_one_by_one(office: PostOffice) -> None:
    office.mailbox.recipient_answers = {"gone@example.com": "550 no such user", "busy@example.com": "450 later"}
    mail.queue_mail(letter(to=["lin@example.com", "gone@example.com"]), actor=STAFF, request_id="some")
    mail.queue_mail(letter(to=["gone@example.com"]), actor=STAFF, request_id="none")
    mail.queue_mail(letter(to=["gone@example.com", "busy@example.com"]), actor=STAFF, request_id="later")

    run_queued()

    assert Email.objects.get(request_id="some").refused == {"gone@example.com": "550 no such user"}
    assert [state_of(one) for one in ("some", "none", "later")] == ["sent", "failed", "waiting"]


def test_whom_the_server_refuses_for_now_gets_the_same_letter_later(office: PostOffice) -> None:
    answers = {"busy@example.com": "450 later", "slow@example.com": "451 later", "gone@example.com": "550 unknown"}
    office.mailbox.recipient_answers = dict(answers)
    wanted = letter(
        to=["lin@example.com", "busy@example.com"],
        cc=["gone@example.com", "slow@example.com"],
        html="<p>At noon.</p>",
        attachments=[ContentFile(b"%PDF-1.7 " + b"x" * 700_000, name="a.pdf")],
    )
    mail.queue_mail(wanted, actor=STAFF, request_id="r-1")

    run_queued()

    first = Email.objects.get(request_id="r-1")
    rest = Email.objects.get(request_id=f"rest:1:{first.pk}")
    assert (first.state, first.refused) == ("sent", answers)
    assert (rest.state, rest.to, rest.cc) == ("waiting", ["busy@example.com"], ["slow@example.com"])
    assert Task.objects.get(task_id=rest.task_id).run_at > timezone.now() + timedelta(seconds=30)
    assert len(office.mailbox.taken) == 1

    # Still refused, as a greylisting server does: the task's own retries go on.
    run_what_waits_once()
    office.mailbox.recipient_answers = {"gone@example.com": "550 unknown"}
    run_later()

    assert [envelope.rcpt_tos for envelope in office.mailbox.envelopes] == [
        ["lin@example.com"],
        ["busy@example.com", "slow@example.com"],
    ]
    before, after = office.mailbox.taken
    assert (after["Subject"], after["Message-ID"]) == (before["Subject"], before["Message-ID"])
    [pdf] = list(after.iter_attachments())
    assert (pdf.get_filename(), len(pdf.get_content())) == ("a.pdf", 700_009)
    assert state_of(rest.request_id) == "sent"
    assert Email.objects.count() == 2
    assert EmailAttachmentPart.objects.count() == 0


def test_a_letter_comes_in_so_many_parts_and_no_more(office: PostOffice) -> None:
    people = [f"p{number}@example.com" for number in range(8)]
    mail.queue_mail(letter(to=people), actor=STAFF, request_id="r-1")
    for number in range(1, 8):
        # Each time the server takes one more.
        office.mailbox.recipient_answers = dict.fromkeys(people[number:], "450 later")
        run_what_waits_once()

    first = Email.objects.get(request_id="r-1")
    parts = Email.objects.exclude(pk=first.pk).order_by("pk")
    assert [part.request_id for part in parts] == [f"rest:{number}:{first.pk}" for number in range(1, 6)]
    assert [envelope.rcpt_tos for envelope in office.mailbox.envelopes] == [[person] for person in people[:6]]
    assert sorted(parts[4].refused) == people[6:]


def test_a_message_marked_twice_has_one_rest() -> None:
    mail.queue_mail(letter(to=["lin@example.com", "busy@example.com"]), actor=STAFF, request_id="r-1")
    held = mail.claim("r-1", holder="task:1")
    assert held is not None
    mail.mark_sending(held.email_id, holder="task:1")

    for _again in range(2):
        mail.mark_sent(held.email_id, holder="task:1", refused={"busy@example.com": "450 later"})

    assert Email.objects.filter(request_id__startswith="rest:").count() == 1
    assert len(queued(SEND_EMAIL)) == 2


@pytest.mark.parametrize("request_id", ["welcome:5001", "rest:1:5001"])
def test_nobody_from_outside_takes_a_request_id_of_ours(request_id: str) -> None:
    with pytest.raises(Invalid) as refusal:
        mail.queue_mail(letter(), actor=STAFF, request_id=request_id)
    with pytest.raises(Invalid):
        mail.accept_mail(letter(), actor=STAFF, request_id=request_id, task_id="t-1")

    assert [(error.field, error.code) for error in refusal.value.errors] == [("request_id", "reserved")]
    assert not Email.objects.exists()
    assert queued(SEND_EMAIL) == []


def test_retries_that_are_used_up_leave_a_failed_message(office: PostOffice) -> None:
    office.mailbox.data_answers = ["451 never"] * 20
    mail.queue_mail(letter(), actor=STAFF, request_id="r-1")
    Task.objects.update(max_retries=1)

    run_later()

    assert state_of("r-1") == "failed"
    assert Task.objects.get().dead_reason == "retries_used_up"


def test_no_server_at_the_address_is_tried_again(office: PostOffice, settings: Any) -> None:
    settings.EMAIL_PORT = 1
    mail.queue_mail(letter(), actor=STAFF, request_id="r-1")

    run_queued()

    assert state_of("r-1") == "waiting"
    assert Task.objects.get().status == TaskStatus.FAIL


@pytest.mark.parametrize("how", ["hangs up", "answers too late"])
def test_an_unknown_outcome_is_never_sent_again_by_itself(office: PostOffice, settings: Any, how: str) -> None:
    settings.EMAIL_REPLY_TIMEOUT = 0.3
    if how == "hangs up":
        office.mailbox.hang_up_after_content = 1
    else:
        office.mailbox.delay_seconds = 1.0
    task_id = mail.queue_mail(letter(), actor=STAFF, request_id="r-1")

    run_later()
    enqueue(SEND_EMAIL, request_id="r-1")
    run_later()

    assert len(office.mailbox.taken) == 1
    assert state_of("r-1") == "unclear"
    task = Task.objects.get(task_id=task_id)
    assert (task.status, task.dead_reason) == (TaskStatus.DEAD, "not_recoverable")


def test_a_slow_server_is_waited_for(office: PostOffice) -> None:
    office.mailbox.delay_seconds = 0.5
    mail.queue_mail(letter(), actor=STAFF, request_id="r-1")

    run_queued()

    assert state_of("r-1") == "sent"


def test_an_attempt_that_died_while_sending_makes_the_message_unclear(office: PostOffice) -> None:
    mail.queue_mail(letter(), actor=STAFF, request_id="r-1")
    held = mail.claim("r-1", holder="task:1")
    assert held is not None
    mail.mark_sending(held.email_id, holder="task:1")

    with pytest.raises(MailServerUnavailable):
        mail.claim("r-1", holder="another-task:1")
    with pytest.raises(MailOutcomeUnknown):
        mail.claim("r-1", holder="task:2")

    assert state_of("r-1") == "unclear"
    # The dead one was alive after all, and knows better.
    mail.mark_sent(held.email_id, holder="task:1", refused={})
    assert state_of("r-1") == "sent"


def test_an_attempt_that_lost_its_claim_sends_nothing(office: PostOffice) -> None:
    mail.queue_mail(letter(), actor=STAFF, request_id="r-1")
    held = mail.claim("r-1", holder="task:1")
    assert held is not None
    mail.claim("r-1", holder="task:2")

    with pytest.raises(MailTakenOver):
        smtp.deliver(held, before_content=lambda: mail.mark_sending(held.email_id, holder="task:1"))

    assert office.mailbox.taken == []
    mail.give_back(held.email_id, holder="task:1", error="late", is_last=True)
    assert state_of("r-1") == "claimed"


def test_people_decide_what_is_unclear(office: PostOffice) -> None:
    for number in (1, 2):
        EmailFactory(request_id=f"u-{number}", state="unclear", sending_at=timezone.now())
    first, second = Email.objects.order_by("id")

    mail.confirm_sent(first.pk, actor=STAFF, reason="Lin has it")
    mail.send_again(second.pk, actor=STAFF, reason="Lin has nothing")
    run_queued()

    assert [state_of("u-1"), state_of("u-2")] == ["sent", "sent"]
    assert len(office.mailbox.taken) == 1
    assert str(office.mailbox.taken[0]["Message-ID"]) == second.message_id
    for action in (mail.confirm_sent, mail.send_again):
        with pytest.raises(Conflict):
            action(first.pk, actor=STAFF, reason="again")
        with pytest.raises(NotFound):
            action(10**9, actor=STAFF, reason="none")


def test_a_message_whose_attempt_was_cut_off_long_ago_can_be_decided() -> None:
    email = EmailFactory(state="sending", sending_at=timezone.now())
    with pytest.raises(Conflict):
        mail.send_again(email.pk, actor=STAFF, reason="too early")
    Email.objects.update(updated_at=timezone.now() - timedelta(hours=1))

    mail.confirm_sent(email.pk, actor=STAFF, reason="arrived")

    assert Email.objects.get().state == "sent"


def test_without_a_server_messages_are_held_and_sent_later(office: PostOffice, settings: Any) -> None:
    settings.EMAIL_HOST = ""
    mail.queue_mail(letter(), actor=STAFF, request_id="r-1")
    run_queued()
    assert state_of("r-1") == "held"
    office.configure(settings)

    mail.send_again(Email.objects.get().pk, actor=STAFF, reason="server is there")
    run_queued()

    assert state_of("r-1") == "sent"


def test_a_roll_back_leaves_neither_message_nor_task() -> None:
    with transaction.atomic():
        mail.queue_mail(letter(), actor=STAFF)
        transaction.set_rollback(True)

    assert (Email.objects.count(), Task.objects.count()) == (0, 0)


@pytest.mark.parametrize(("language", "subject"), [("zh-hans", "欢迎使用八角志"), ("en", "Welcome to Bajiaozhi")])
def test_a_new_user_is_welcomed_in_their_language(office: PostOffice, language: str, subject: str) -> None:
    user = UserFactory(language=language)
    mail.queue_welcome(user, actor=SYSTEM)
    mail.queue_welcome(user, actor=SYSTEM)

    run_queued()

    assert office.mailbox.subjects == [subject]
    assert user.username in office.mailbox.taken[0].get_body(("plain",)).get_content()  # type: ignore[union-attr]


def test_who_is_written_to_stands_in_the_audit_log_but_not_the_letter() -> None:
    mail.queue_mail(letter(), actor=STAFF, request_id="r-1")

    [event] = [event for event in recorded() if event["resource_type"] == "email"]
    told = str(event["new"])
    assert event["action"] == "created"
    assert "lin@example.com" in told
    assert "At noon" not in told


@pytest.mark.django_db(transaction=True)
def test_two_at_once_with_one_request_id_are_one_message() -> None:
    answers: list[str] = []
    start = threading.Barrier(4)

    def ask() -> None:
        start.wait()
        try:
            answers.append(mail.queue_mail(letter(), actor=STAFF, request_id="race"))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(answers) == 4
    assert len(set(answers)) == 1
    assert (Email.objects.count(), Task.objects.filter(name=SEND_EMAIL).count()) == (1, 1)


def test_the_queue_is_the_callers_choice() -> None:
    mail.queue_mail(letter(), actor=STAFF, request_id="r-1", queue=EnqueueOptions().queue)
    mail.queue_mail(letter(), actor=STAFF, request_id="r-2", queue="critical")  # type: ignore[arg-type]

    assert list(Task.objects.order_by("id").values_list("queue", flat=True)) == ["default", "critical"]


def test_registering_queues_the_welcome_in_the_same_transaction(client: Any) -> None:
    body = {"username": "wang.fang", "email": "wang@example.com", "password": "Gym-and-gloves-7", "language": "en"}

    assert client.post("/api/v1/users", body, content_type="application/json").status_code == 201
    taken = client.post("/api/v1/users", body, content_type="application/json")

    email = Email.objects.get()
    assert taken.status_code == 409
    assert (email.to, email.subject) == (["wang@example.com"], "Welcome to Bajiaozhi")
    assert queued(SEND_EMAIL) == [(SEND_EMAIL, {"request_id": email.request_id})]
