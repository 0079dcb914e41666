"""kill -9 of a worker while it speaks with a real mail server: never twice, and not lost where nothing had left."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import connections

from apps.core.actor import SYSTEM
from apps.taskhub.models import Task
from apps.users.models import Email
from apps.users.services import mail
from tests.faults import processes
from tests.users.mail_server import post_office

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.e2e, pytest.mark.timeout(300)]

# The hub gives a lost attempt back within a minute.
RECOVERY_SECONDS = 120


def state(request_id: str) -> str:
    return str(Email.objects.get(request_id=request_id).state)


def queue(request_id: str, address: str) -> str:
    return mail.queue_mail(
        mail.Mail(to=[address], subject=request_id, text="Hello"), actor=SYSTEM, request_id=request_id
    )


def test_a_killed_worker_sends_nothing_twice(tmp_path: Path) -> None:
    with post_office() as office, processes.consumer(tmp_path), processes.beat(tmp_path):
        mailbox = office.mailbox
        mailbox.stalls = {"RCPT early@example.com", "DATA late@example.com"}
        environment = office.environment
        first = processes.worker(tmp_path, name="first", concurrency=2, **environment).start()
        early, late = queue("early", "early@example.com"), queue("late", "late@example.com")
        processes.wait_until(lambda: mailbox.stalled == mailbox.stalls, seconds=60, what="both messages are under way")
        # The server has the content of one message and answers only when its sender is dead.
        assert (mailbox.subjects, state("late"), state("early")) == (["late"], "sending", "claimed")

        first.kill(children_too=True)
        mailbox.stalls = set()
        with processes.worker(tmp_path, name="second", concurrency=2, **environment):
            processes.wait_until(
                lambda: (state("early"), state("late")) == ("sent", "unclear"),
                seconds=RECOVERY_SECONDS,
                what="the second worker has taken over",
            )
            processes.wait_until(
                lambda: Task.objects.get(task_id=late).status == "dead", seconds=30, what="the task of the unclear one"
            )
            processes.wait_until(
                lambda: Task.objects.get(task_id=early).status == "success", seconds=30, what="the other task"
            )
            mail.send_again(Email.objects.get(request_id="late").pk, actor=SYSTEM, reason="a person decided")
            processes.wait_until(lambda: state("late") == "sent", seconds=60, what="what the person decided")

    assert Task.objects.get(task_id=late).dead_reason == "not_recoverable"
    assert mailbox.subjects == ["late", "early", "late"]
    assert len({str(message["Message-ID"]) for message in mailbox.taken}) == 2
    connections.close_all()
