"""The audit log in the back-office: a list without COUNT, a readable comparison, nothing to change."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.audit.models import AuditEvent
from tests.factories.audit import AuditEventFactory, DeadEntryFactory
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db

LIST = "/admin/audit/auditevent/"
DEAD = "/admin/audit/deadentry/"


@pytest.fixture
def auditor(client: Client) -> Client:
    client.force_login(UserFactory(role="auditor"))
    return client


def page(event: AuditEvent) -> str:
    return reverse("admin:audit_auditevent_change", args=[event.pk])


def test_only_who_may_view_events_sees_them(client: Client) -> None:
    event = AuditEventFactory()
    client.force_login(UserFactory(role="editor"))

    assert [client.get(path).status_code for path in (LIST, page(event), DEAD)] == [403, 403, 403]


def test_nothing_can_be_added_changed_or_deleted(auditor: Client) -> None:
    event = AuditEventFactory()

    answers = [
        auditor.get(f"{LIST}add/").status_code,
        auditor.get(reverse("admin:audit_auditevent_delete", args=[event.pk])).status_code,
        auditor.post(page(event), {"action": "read"}).status_code,
    ]

    assert answers == [403, 403, 403]
    assert list(AuditEvent.objects.values_list("pk", "action")) == [(event.pk, "updated")]


def test_the_list_reads_like_a_diary(auditor: Client) -> None:
    AuditEventFactory(action="approved", request_id="r-1")

    html = auditor.get(LIST, headers={"accept-language": "en"}).content.decode()

    assert "alice approved article “Title fight postponed”" in html
    assert "?resource_type__exact=article&amp;resource_id__exact=7" in html
    assert "?request_id__exact=r-1" in html


def test_the_list_never_counts_and_costs_the_same_for_2_and_20_events(auditor: Client) -> None:
    auditor.get(LIST)
    costs = []
    for count in (2, 18):
        for _ in range(count):
            AuditEventFactory()
        with CaptureQueriesContext(
            connection,
        ) as queries:
            auditor.get(LIST)
        costs.append(len(queries))
        statements = " ".join(query["sql"].upper() for query in queries)
        assert "COUNT(" not in statements
        assert "OFFSET" not in statements
        assert "DISTINCT" not in statements
        assert '"NEW_OBJECT"' not in statements.replace("`", '"')

    assert costs[0] == costs[1] <= 12


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ({"action__exact": "approved"}, ["7"]),
        ({"resource_type__exact": "user"}, ["9"]),
        ({"status__exact": "failed"}, ["9"]),
        ({"subsystem__exact": "auth"}, ["9"]),
        ({"actor_kind__exact": "system"}, ["8"]),
        ({"resource_type__exact": "article", "resource_id__exact": "8"}, ["8"]),
        ({"request_id__exact": "r-7"}, ["7"]),
        ({"q": "alice"}, ["9", "7"]),
        ({"q": "2001:db8::1"}, ["9"]),
        ({"q": "r-8"}, ["8"]),
        ({"q": "ali"}, []),
        ({"timestamp_from": "2023-11-15", "timestamp_to": "2023-11-15"}, ["9", "8"]),
    ],
)
def test_filters_and_search_select(auditor: Client, query: dict[str, str], shown: list[str]) -> None:
    # Shanghai's 15 November begins at 2023-11-14T16:00Z = 1699977600000.
    AuditEventFactory(timestamp=1_699_977_599_999, action="approved", resource_id="7", request_id="r-7")
    AuditEventFactory(
        timestamp=1_699_977_600_000,
        resource_id="8",
        request_id="r-8",
        actor_kind="system",
        actor_id="system",
        actor_label="system",
    )
    AuditEventFactory(
        timestamp=1_700_000_000_000,
        resource_type="user",
        resource_id="9",
        status="failed",
        subsystem="auth",
        client_ip="2001:db8::1",
    )

    response = auditor.get(LIST, query)

    assert [event.resource_id for event in response.context["cl"].result_list] == shown


def test_the_detail_says_who_what_where_and_shows_what_changed(auditor: Client) -> None:
    event = AuditEventFactory(
        action="approved",
        reason="checked twice",
        old_object='{"title":"Old title","status":"pending","views":1}',
        new_object='{"title":"New title","status":"published","views":1}',
        changed_fields=["title", "status"],
    )

    html = auditor.get(page(event), headers={"accept-language": "en"}).content.decode()

    for text in ("alice approved article", "checked twice", "203.0.113.9", "PUT /api/v1/articles/7", str(event.pk)):
        assert text in html
    assert '<del><span class="bjz-audit-glyph" aria-hidden="true">−</span>Old title</del>' in html
    assert '<ins><span class="bjz-audit-glyph" aria-hidden="true">+</span>New title</ins>' in html
    assert "1 unchanged field" in html
    assert "Raw JSON" in html


def test_foreign_text_is_shown_and_never_run(auditor: Client) -> None:
    event = AuditEventFactory(
        resource_label="<script>alert(1)</script>",
        reason="<img src=x onerror=alert(1)>",
        old_object='{"<b>x</b>":"<script>alert(2)</script>"}',
        new_object='{"<b>x</b>":"<script>alert(3)</script>"}',
    )

    for path in (LIST, page(event)):
        html = auditor.get(path).content.decode()
        assert "<script>alert" not in html
        assert "<img src=x" not in html
        assert "<b>x</b>" not in html


@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize(
    "values",
    [
        {"old_object": None, "new_object": None, "changed_fields": []},
        {"old_object": None, "new_object": '{"a":{"b":[1,{"c":null}]},"d":true}', "action": "created"},
        {"old_object": '{"a":"[hidden, changed]"}', "new_object": '{"a":"[hidden, changed]"}', "changed_fields": ["a"]},
        {"new_object": '{"title":{"audit_marker":"not serialisable: TypeError","type":"article","id":"7"}}'},
        {"action": "a_word_of_tomorrow", "resource_type": "gone", "subsystem": "moon", "status": "odd"},
        {"action": "login_failed", "status": "failed", "resource_id": "", "actor_kind": "anonymous", "request_id": ""},
    ],
)
def test_every_kind_of_event_has_a_page(auditor: Client, values: dict[str, Any], language: str) -> None:
    event = AuditEventFactory(**values)

    for path in (LIST, page(event)):
        assert auditor.get(path, headers={"accept-language": language}).status_code == 200


def test_the_detail_stays_within_its_query_budget(auditor: Client) -> None:
    event = AuditEventFactory()
    auditor.get(page(event))

    with CaptureQueriesContext(connection) as queries:
        auditor.get(page(event))

    assert len(queries) <= 8


def test_entries_that_became_no_event_are_announced_and_listed_without_secrets(auditor: Client) -> None:
    assert "bjz-audit-notice" not in auditor.get(LIST).content.decode()

    dead = DeadEntryFactory(body='{"password": "hunter22"', error="JSONDecodeError: unexpected end")

    assert "bjz-audit-notice" in auditor.get(LIST).content.decode()
    assert "JSONDecodeError" in auditor.get(DEAD).content.decode()
    html = auditor.get(f"{DEAD}{dead.pk}/change/").content.decode()
    assert "JSONDecodeError" in html
    assert "hunter22" not in html
