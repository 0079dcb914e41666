"""One effect for one Idempotency-Key, at the route that everybody may call: registration."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
import time_machine
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from rest_framework.test import APIClient

from apps.core.errors import Conflict
from apps.core.idempotency import Answer
from apps.users.models import IdempotentRequest, User
from apps.users.services import idempotency
from apps.users.services.idempotency import answer_once
from tests.factories.users import PASSWORD, IdempotentRequestFactory, UserFactory

USERS = "/api/v1/users"
BODY = {"username": "lin.mei", "email": "lin@example.com", "password": PASSWORD}


def post(api, body=BODY, key="0f8fad5b-d9cb", **headers):
    return api.post(USERS, body, headers={"Idempotency-Key": key, **headers})


def answered(response):
    return response.status_code, response.json()["code"]


@pytest.mark.django_db
def test_same_request_again_has_one_effect_and_the_same_answer(api, user_events):
    first = post(api)
    again = post(api)

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["data"] == again.json()["data"]
    assert first.json()["request_id"] != again.json()["request_id"] == again["X-Request-ID"]
    assert (first["ETag"], first["Location"]) == (again["ETag"], again["Location"])
    assert "Idempotency-Replayed" not in first
    assert again["Idempotency-Replayed"] == "true"
    assert User.objects.count() == 1
    assert [event["action"] for event in user_events()] == ["created"]


@pytest.mark.django_db
def test_order_of_fields_and_spaces_are_no_other_request(api):
    post(api)

    again = api.post(
        USERS,
        f' {{"password": "{PASSWORD}",  "email":"lin@example.com", "username": "lin.mei"}}',
        content_type="application/json",
        headers={"Idempotency-Key": "0f8fad5b-d9cb"},
    )

    assert (again.status_code, again["Idempotency-Replayed"]) == (201, "true")


@pytest.mark.django_db
def test_other_body_under_the_same_key_is_refused(api, user_events):
    post(api)

    other = post(api, {**BODY, "username": "someone.else", "email": "else@example.com"})

    assert answered(other) == (422, 1014)
    assert User.objects.count() == 1
    assert len(user_events()) == 1


@pytest.mark.django_db
def test_without_a_key_nothing_is_kept(api):
    assert api.post(USERS, BODY).status_code == 201

    assert answered(api.post(USERS, BODY)) == (409, 1007)
    assert not IdempotentRequest.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["", "a b", "ключ", "x" * 129, "a\tb"])
def test_bad_key_is_refused_by_name(api, key):
    response = post(api, key=key)

    assert answered(response) == (400, 1001)
    assert [error["field"] for error in response.json()["errors"]] == ["Idempotency-Key"]
    assert not User.objects.exists()


@pytest.mark.django_db
def test_errors_are_not_kept_so_that_the_same_key_may_try_again(api):
    assert answered(post(api, {**BODY, "password": "short"})) == (400, 1001)
    other = UserFactory(username="lin.mei")
    assert answered(post(api)) == (409, 1007)
    assert not IdempotentRequest.objects.exists()

    User.objects.filter(pk=other.pk).update(deleted_at=timezone.now(), deleted_key=other.pk)

    assert post(api).status_code == 201


@pytest.mark.django_db(transaction=True)
def test_what_fails_on_our_side_leaves_neither_effect_nor_answer(api, monkeypatch):
    def break_down(*_args, **_kwargs):
        raise RuntimeError("after the row was written")

    monkeypatch.setattr("apps.users.api.accounts.UserSerializer", break_down)
    api.raise_request_exception = False
    assert answered(post(api)) == (500, 2001)
    monkeypatch.undo()

    assert not User.objects.exists()
    assert not IdempotentRequest.objects.exists()
    assert post(api).status_code == 201


@pytest.mark.django_db
def test_nobody_meets_the_key_of_another(api, bearer_of):
    staff, other = UserFactory(role="administrator"), UserFactory(role="administrator")
    post(api, **bearer_of(staff))

    stranger = post(api, {**BODY, "username": "another", "email": "another@example.com"}, **bearer_of(other))
    anonymous = post(api, {**BODY, "username": "third", "email": "third@example.com"})

    assert (stranger.status_code, anonymous.status_code) == (201, 201)
    assert post(api, **bearer_of(staff)).json()["data"]["username"] == "lin.mei"


@pytest.mark.django_db
def test_key_is_free_again_after_a_day(api):
    with time_machine.travel(timezone.now() - timedelta(hours=24, seconds=1), tick=False):
        post(api)

    later = post(api, {**BODY, "username": "another", "email": "another@example.com"})

    assert later.status_code == 201
    assert "Idempotency-Replayed" not in later
    assert post(api, {**BODY, "username": "another", "email": "another@example.com"}).status_code == 201
    assert User.objects.count() == 2


@pytest.mark.django_db
def test_kept_row_tells_neither_key_nor_password(api):
    post(api)

    row = IdempotentRequest.objects.get()
    shown = f"{row.key} {row.fingerprint} {row.body} {row.headers}"
    assert "0f8fad5b" not in shown
    assert PASSWORD not in shown


def together(work, count=4):
    """Run ``work`` in so many threads at once; returns what they returned."""
    barrier, results = threading.Barrier(count), []

    def run():
        barrier.wait()
        try:
            results.append(work())
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == count
    return results


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_has_the_effect_and_all_get_its_answer(user_events):
    responses = together(lambda: post(APIClient()))

    done = [response for response in responses if response.status_code == 201]
    # MariaDB may break a knot of waiting inserts: such a caller is told to come again.
    told_to_wait = [response for response in responses if answered(response) == (409, 1007)]
    assert len(done) + len(told_to_wait) == 4
    assert all(response["Retry-After"] == "1" for response in told_to_wait)
    assert len({response.json()["data"]["id"] for response in done}) == 1
    assert sum("Idempotency-Replayed" not in response for response in done) == 1
    assert User.objects.count() == 1
    assert [event["action"] for event in user_events()] == ["created"]


@pytest.mark.django_db(transaction=True)
def test_second_one_does_the_work_when_the_first_fails():
    begun, second_waits = threading.Event(), threading.Event()
    outcome = []

    def fail():
        begun.set()
        second_waits.wait(10)
        raise Conflict

    def first():
        try:
            answer_once("a" * 64, fingerprint="f", work=fail)
        except Conflict:
            outcome.append("first failed")
        finally:
            connection.close()

    thread = threading.Thread(target=first)
    thread.start()
    assert begun.wait(10)
    threading.Timer(0.3, second_waits.set).start()
    answer = answer_once("a" * 64, fingerprint="f", work=lambda: Answer(201, b"1"))
    thread.join()

    assert outcome == ["first failed"]
    assert (answer.status, answer.replayed) == (201, False)


@pytest.mark.django_db
@pytest.mark.parametrize("code", [1205, 1213, 1969])
def test_waiting_in_vain_is_a_conflict_with_the_time_to_come_again(monkeypatch, code):
    def wait(*_args, **_kwargs):
        raise OperationalError(code, "waited too long")

    monkeypatch.setattr(idempotency, "_inserted", wait)

    with pytest.raises(Conflict) as error, transaction.atomic():
        answer_once("a" * 64, fingerprint="f", work=lambda: Answer(201, b"1"))
    assert error.value.retry_after_seconds == 1


@pytest.mark.django_db
def test_server_that_is_away_is_no_conflict(monkeypatch):
    def lost(*_args, **_kwargs):
        raise OperationalError(2006, "server has gone away")

    monkeypatch.setattr(idempotency, "_inserted", lost)

    with pytest.raises(OperationalError), transaction.atomic():
        answer_once("a" * 64, fingerprint="f", work=lambda: Answer(201, b"1"))


@pytest.mark.django_db
def test_row_that_was_forgotten_in_between_is_told_to_come_again(monkeypatch):
    monkeypatch.setattr(idempotency, "_inserted", lambda *_args, **_kwargs: False)

    with pytest.raises(Conflict):
        answer_once("a" * 64, fingerprint="f", work=lambda: Answer(201, b"1"))


@pytest.mark.django_db
def test_answer_is_kept_for_a_whole_day():
    IdempotentRequestFactory(
        key="b" * 64, fingerprint="f", body="7", created_at=timezone.now() - idempotency.KEPT + timedelta(minutes=1)
    )

    kept = answer_once("b" * 64, fingerprint="f", work=lambda: Answer(201, b"8"))

    assert (kept.body, kept.replayed) == (b"7", True)


@pytest.mark.django_db
def test_a_body_that_is_nested_too_deeply_is_refused(api):
    deep: list = []
    for _ in range(400):
        deep = [deep]

    response = post(api, {**BODY, "username": deep})

    assert (response.status_code, response.json()["code"]) == (400, 1001)
    assert not User.objects.exists()
