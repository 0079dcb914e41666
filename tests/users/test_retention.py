"""Rows that signing in leaves behind."""

from datetime import timedelta

import pytest
from axes.models import AccessAttempt
from django.contrib.sessions.models import Session
from django.utils import timezone

from apps.scheduler.models import ScheduledTask
from apps.taskhub.services import enqueue
from apps.taskhub.testing import run_queued
from apps.users.models import IdempotentRequest, TokenSession
from apps.users.services import retention
from apps.users.services.retention import forget_old_sign_ins
from apps.users.task_names import FORGET_OLD_SIGN_INS
from tests.factories.users import IdempotentRequestFactory, TokenSessionFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def now():
    return timezone.now()


def test_only_what_nobody_needs_is_deleted(now, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 2)
    user = UserFactory()
    kept = [
        TokenSessionFactory(user=user),
        TokenSessionFactory(user=user, revoked_at=now - timedelta(hours=1), revoked_reason="signed_out"),
    ]
    TokenSessionFactory.create_batch(3, user=user, refreshed_at=now - timedelta(days=15))
    TokenSessionFactory(user=user, revoked_at=now - timedelta(days=2), revoked_reason="signed_out")
    for days, name in ((-1, "old"), (1, "new")):
        Session.objects.create(session_key=name, session_data="", expire_date=now + timedelta(days=days))
        AccessAttempt.objects.create(username=name, failures_since_start=1, user_agent="", path_info="")
    AccessAttempt.objects.filter(username="old").update(attempt_time=now - timedelta(days=2))

    IdempotentRequestFactory(created_at=now - timedelta(hours=25))
    fresh = IdempotentRequestFactory(created_at=now - timedelta(hours=23))

    deleted = {"token_sessions": 4, "sessions": 1, "answered_requests": 1, "failures": 1}
    assert forget_old_sign_ins(now=now) == deleted

    assert list(TokenSession.objects.order_by("created_at")) == kept
    assert Session.objects.get().session_key == "new"
    assert AccessAttempt.objects.get().username == "new"
    assert IdempotentRequest.objects.get() == fresh
    assert forget_old_sign_ins(now=now) == dict.fromkeys(deleted, 0)


def test_task_runs_and_is_scheduled_every_night():
    TokenSessionFactory(refreshed_at=timezone.now() - timedelta(days=15))

    enqueue(FORGET_OLD_SIGN_INS)
    run_queued()

    assert not TokenSession.objects.exists()
    assert ScheduledTask.objects.filter(uid="users.forget_old_sign_ins").exists()
