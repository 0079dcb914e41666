"""SIM cards and synchronisations in the back-office: what is shown, and asking the carrier now."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.audit.testing import recorded
from apps.orders.admin.usage_chart import usage_chart
from apps.orders.models import SimCard
from apps.orders.services.iccids import with_check_digit
from apps.orders.task_names import DATA_SYNC, SIM_STATUS_SYNC
from apps.taskhub.models import Task
from apps.taskhub.testing import queued
from tests.factories.orders import SimCardFactory, SimUsageFactory, SyncRunFactory
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db

LIST = "admin:orders_simcard_changelist"
ICCID = with_check_digit("898600" + "7" * 13)
SUBMITTED = {"_form_submitted": "on"}


@pytest.fixture
def operator(client: Client, settings: Any) -> Client:
    settings.CARRIER_BASE_URL = "http://127.0.0.1:1"
    client.force_login(UserFactory(username="ops", role="operator"))
    return client


def text_of(response: Any) -> str:
    return str(response.content.decode())


@pytest.mark.parametrize(
    ("query", "found"), [("8986007", True), ("ORD-SIM", True), ("ORD-SI", False), ("777", False), ("x", False)]
)
def test_cards_are_found_by_number_and_order(operator: Client, query: str, found: bool) -> None:
    SimCardFactory(iccid=ICCID, order__order_id="ORD-SIM", status="suspended")

    page = text_of(operator.get(reverse(LIST), {"q": query}))

    assert (ICCID in page) is found


def test_a_card_shows_its_usage_as_a_picture_and_a_table(operator: Client) -> None:
    card = SimCardFactory(iccid=ICCID)
    for back, used in ((0, 5_000_000), (1, 10_000_000), (40, 77_000_000)):
        SimUsageFactory(sim_card=card, day=timezone.localdate() - dt.timedelta(days=back), used_bytes=used)

    page = text_of(operator.get(reverse("admin:orders_simcard_change", args=[card.pk])))

    assert page.count("<rect ") == 2
    assert 'role="img"' in page
    assert (timezone.localdate() - dt.timedelta(days=1)).isoformat() in page
    assert "73.4" not in page


def test_a_card_that_rested_long_shows_its_last_days(operator: Client) -> None:
    card = SimCardFactory(iccid=ICCID)
    SimUsageFactory(sim_card=card, day=dt.date(2024, 2, 29), used_bytes=1)
    page = operator.get(reverse("admin:orders_simcard_change", args=[card.pk]))
    assert "2024-02-29" in text_of(page)

    nothing = SimCardFactory()
    page = operator.get(reverse("admin:orders_simcard_change", args=[nothing.pk]))
    assert "这段时间没有流量记录" in text_of(page)


def test_bars_stand_on_the_ground_and_none_is_taller_than_the_picture() -> None:
    day = dt.date(2026, 11, 30)
    picture = str(usage_chart({day: 1, day - dt.timedelta(days=1): 10**12, day - dt.timedelta(days=2): 0}, until=day))

    bars = re.findall(r'<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"', picture)
    heights = sorted(float(height) for *_, height in bars)
    assert heights == [0.0, 2.0, 134.0]
    assert {round(float(y) + float(height), 1) for _, y, _, height in bars} == {146.0}
    assert str(usage_chart({day: 0}, until=day)).count("<rect") == 1


def test_everything_is_synchronised_by_one_dialog(operator: Client) -> None:
    address = reverse("admin:orders_simcard_synchronise")
    assert operator.get(address).status_code == 200
    assert Task.objects.count() == 0
    bad = operator.post(address, {**SUBMITTED, "sync_type": "flow_usage", "start_date": "x"})
    reverse_days = {"start_date": "2026-11-02", "end_date": "2026-11-01"}
    wrong = operator.post(address, {**SUBMITTED, "sync_type": "flow_usage", **reverse_days})
    assert (bad.status_code, wrong.status_code, Task.objects.count()) == (200, 200, 0)

    done = operator.post(
        address, {**SUBMITTED, "sync_type": "flow_usage", "start_date": "2026-11-01", "end_date": "2026-11-30"}
    )

    assert "HX-Redirect" in done.headers
    [(_, arguments)] = queued(DATA_SYNC)
    assert (arguments["sync_type"], arguments["start_date"]) == ("flow_usage", "2026-11-01")
    event = next(event for event in recorded() if event["action"] == "triggered")
    assert event["actor_label"] == "ops"
    shown = text_of(operator.get(reverse(LIST)))
    assert Task.objects.get().task_id in shown


def test_one_card_is_asked_for_by_its_button(operator: Client) -> None:
    card, old = SimCardFactory(iccid=ICCID), SimCardFactory(iccid="8986ABCDEF0123456789")

    operator.post(reverse("admin:orders_simcard_ask_carrier", args=[card.pk]), SUBMITTED)

    assert queued(SIM_STATUS_SYNC)[0][1]["iccids"] == [ICCID]
    assert queued(SIM_STATUS_SYNC)[0][1]["force_sync"] is True
    page = text_of(operator.get(reverse("admin:orders_simcard_change", args=[old.pk])))
    assert reverse("admin:orders_simcard_ask_carrier", args=[old.pk]) not in page


def test_without_a_carrier_or_a_right_nothing_is_queued(operator: Client, client: Client, settings: Any) -> None:
    card = SimCardFactory(iccid=ICCID)
    settings.CARRIER_BASE_URL = ""
    operator.post(reverse("admin:orders_simcard_ask_carrier", args=[card.pk]), SUBMITTED)
    client.force_login(UserFactory(role="auditor"))
    refused = client.post(reverse("admin:orders_simcard_synchronise"), {**SUBMITTED, "sync_type": "sim_status"})

    assert refused.status_code == 403
    assert Task.objects.count() == 0


def test_a_run_shows_what_it_brought_and_what_was_unusable(operator: Client) -> None:
    run = SyncRunFactory(
        state="failed",
        error="HTTP 401",
        seen=9,
        created=2,
        bad=1,
        bad_rows=[{"page": 1, "row": 3, "reason": "iccid", "sample": "<b>x</b>"}],
    )

    listed = text_of(operator.get(reverse("admin:orders_syncrun_changelist")))
    page = text_of(operator.get(reverse("admin:orders_syncrun_change", args=[run.pk])))

    assert "HTTP 401" in listed
    assert "<b>x</b>" not in page
    assert run.task_id in page


def test_a_card_of_an_order_that_is_not_there_is_shown(operator: Client) -> None:
    card = SimCardFactory(iccid=ICCID, order=None)
    SimCard.objects.filter(pk=card.pk).update(order_id=999_999)

    assert operator.get(reverse(LIST)).status_code == 200
    assert operator.get(reverse("admin:orders_simcard_change", args=[card.pk])).status_code == 200
