"""Orders and SIM cards in the back-office."""

import csv
import io

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from openpyxl import load_workbook

from apps.audit.testing import recorded, relay_all
from apps.orders.admin import OrderAdmin
from apps.orders.admin.exporting import harmless
from apps.orders.models import Order
from tests.factories.orders import OrderFactory, SimCardFactory
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db


def trail():
    """What was recorded of orders; signing in leaves events too."""
    return [event for event in recorded() if event["resource_type"] == "order"]


@pytest.fixture
def operator(client):
    client.force_login(UserFactory(role="operator"))
    return client


def test_list_shows_money_in_yuan_and_no_deleted_order(operator):
    order = OrderFactory(order_id="A-1", amount=1_234_567)
    OrderFactory(order_id="GONE-1", deleted_at="2025-01-01T00:00:00Z", deleted_key=7)

    page = operator.get(reverse("admin:orders_order_changelist")).content.decode()

    assert "12,345.67" in page
    assert order.user.username in page
    assert "GONE-1" not in page


def test_order_of_a_user_who_is_gone_is_shown_by_number(operator):
    OrderFactory(order_id="A-1", user=None, user_id=987_654)

    page = operator.get(reverse("admin:orders_order_changelist")).content.decode()

    assert "A-1" in page
    assert "987654" in page


def test_details_can_be_read(operator):
    card = SimCardFactory()

    for model, row in (("order", card.order), ("simcard", card)):
        page = operator.get(reverse(f"admin:orders_{model}_change", args=[row.pk])).content.decode()
        assert str(row) in page
        assert 'name="_save"' not in page


def test_page_of_an_order_shows_its_sim_cards_and_leads_to_the_others(operator, monkeypatch):
    monkeypatch.setattr("apps.orders.admin.orders.CARDS_SHOWN", 2)
    order = OrderFactory(order_id="A&2")
    cards = [SimCardFactory(order=order) for _ in range(3)]
    page = operator.get(reverse("admin:orders_order_change", args=[order.pk])).content.decode()

    assert [card.iccid in page for card in cards] == [False, True, True]
    assert reverse("admin:orders_simcard_change", args=[cards[2].pk]) in page
    everything = f"{reverse('admin:orders_simcard_changelist')}?q=A%262"
    assert everything in page
    assert {row.pk for row in operator.get(everything).context["cl"].result_list} == {card.pk for card in cards}


def test_sim_cards_of_an_order_need_their_own_permission(client):
    card = SimCardFactory()
    reader = UserFactory(is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_order"))
    client.force_login(reader)

    page = client.get(reverse("admin:orders_order_change", args=[card.order.pk])).content.decode()

    assert card.order.order_id in page
    assert card.iccid not in page


# --- orders: the list -----------------------------------------------------------------------------------------------
LIST = "admin:orders_order_changelist"
SUBMITTED = {"_form_submitted": "on"}


def move_url(order: Order, status: str) -> str:
    return reverse(f"admin:orders_order_move_to_{status}", args=[order.pk])


def test_each_total_leads_to_exactly_its_orders(operator):
    for status in ("paid", "paid", "pending"):
        OrderFactory(status=status)

    page = operator.get(reverse(LIST))

    totals = page.context["totals"]
    assert [total["number"] for total in totals] == ["1", "2", "0", "0", "0", "0"]
    paid = operator.get(totals[1]["address"])
    assert paid.context["cl"].result_count == 2
    assert [total["chosen"] for total in paid.context["totals"]] == [False, True, False, False, False, False]


def test_large_total_is_not_counted_to_its_end(operator, monkeypatch):
    monkeypatch.setattr("apps.orders.admin.orders.COUNTED_UP_TO", 1)
    OrderFactory(), OrderFactory()

    assert operator.get(reverse(LIST)).context["totals"][0]["number"] == "1+"


@pytest.mark.parametrize("text", ["A-1", " A-1 ", "ALICE", "alice@example.com", "Alice@Example.com"])
def test_search_by_number_name_and_address(operator, text):
    order = OrderFactory(order_id="A-1", user=UserFactory(username="Alice", email="alice@example.com"))
    OrderFactory()

    found = operator.get(reverse(LIST), {"q": text}).context["cl"].result_list

    assert [row.pk for row in found] == [order.pk]


@pytest.mark.parametrize("text", ["nobody", "A-", "%", "x@y"])
def test_search_that_finds_nothing(operator, text):
    OrderFactory(order_id="A-1")

    assert operator.get(reverse(LIST), {"q": text}).context["cl"].result_list == []


def test_pages_follow_one_another_without_a_count(operator):
    made = [OrderFactory().pk for _ in range(OrderAdmin.list_per_page + 1)]

    first = operator.get(reverse(LIST)).context["cl"]
    second = operator.get(f"{reverse(LIST)}{first.paginator.older}").context["cl"]

    assert [row.pk for row in first.result_list] == made[:0:-1]
    assert [row.pk for row in second.result_list] == made[:1]


# --- orders: one of them --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("status", Order.Status.values)
def test_page_offers_the_allowed_moves_and_no_other(operator, status):
    order = OrderFactory(status=status)

    page = operator.get(reverse("admin:orders_order_change", args=[order.pk])).content.decode()

    for wanted in set(Order.Status.values) - {"pending"}:
        assert (move_url(order, wanted) in page) == (wanted in order.moves), wanted


def test_button_moves_the_order_with_its_reason(operator):
    order = OrderFactory()

    response = operator.post(move_url(order, "paid"), SUBMITTED | {"version": 1, "reason": "transfer 17"})

    assert response["HX-Redirect"]
    assert Order.objects.get(pk=order.pk).status == "paid"
    assert trail()[-1]["reason"] == "transfer 17"
    story = operator.get(reverse("admin:orders_order_change", args=[order.pk])).content.decode()
    assert "transfer 17" in story


def test_story_is_told_before_and_after_the_relay(operator):
    order = OrderFactory()
    operator.post(move_url(order, "paid"), SUBMITTED | {"version": 1, "reason": "transfer 17"})
    relay_all()
    operator.post(move_url(order, "refunded"), SUBMITTED | {"version": 2, "reason": "complaint 18"})

    page = operator.get(reverse("admin:orders_order_change", args=[order.pk])).content.decode()

    assert page.index("complaint 18") < page.index("transfer 17")


def test_button_of_a_stale_page_moves_nothing(operator):
    order = OrderFactory(version=2)

    operator.post(move_url(order, "paid"), SUBMITTED | {"version": 1, "reason": ""})

    assert Order.objects.get(pk=order.pk).status == "pending"
    assert trail() == []


def test_what_cannot_be_taken_back_needs_a_reason(operator):
    order = OrderFactory()

    response = operator.post(move_url(order, "cancelled"), SUBMITTED | {"version": 1, "reason": ""})

    assert "HX-Redirect" not in response
    assert Order.objects.get(pk=order.pk).status == "pending"


def test_get_of_a_button_only_asks(operator):
    order = OrderFactory()

    assert operator.get(move_url(order, "paid")).status_code == 200
    assert Order.objects.get(pk=order.pk).status == "pending"


def test_auditor_sees_no_button_and_moves_nothing(client):
    client.force_login(UserFactory(role="auditor"))
    order = OrderFactory()

    page = client.get(reverse("admin:orders_order_change", args=[order.pk])).content.decode()

    assert move_url(order, "paid") not in page
    assert client.post(move_url(order, "paid"), SUBMITTED | {"version": 1, "reason": "x"}).status_code == 403
    assert Order.objects.get(pk=order.pk).status == "pending"


def test_edit_changes_amount_and_remark(operator):
    order = OrderFactory(amount=100)
    address = reverse("admin:orders_order_edit", args=[order.pk])

    operator.post(address, SUBMITTED | {"version": 1, "amount": "12.34", "remark": "red", "reason": ""})

    changed = Order.objects.get(pk=order.pk)
    assert (changed.amount, changed.remark) == (1234, "red")
    operator.post(address, SUBMITTED | {"version": 1, "amount": "99", "remark": "blue", "reason": ""})
    assert Order.objects.get(pk=order.pk).remark == "red"


def test_amount_of_a_paid_order_is_no_field(operator):
    order = OrderFactory(amount=100, status="paid")
    address = reverse("admin:orders_order_edit", args=[order.pk])

    assert 'name="amount"' not in operator.get(address).content.decode()
    operator.post(address, SUBMITTED | {"version": 1, "amount": "99", "remark": "blue", "reason": ""})

    changed = Order.objects.get(pk=order.pk)
    assert (changed.amount, changed.remark) == (100, "blue")


def test_order_is_placed_for_a_user_by_name(operator):
    user = UserFactory()
    given = {"user_id": user.username.upper(), "amount": "19.9", "order_id": "", "remark": ""}

    operator.post(reverse("admin:orders_order_place"), SUBMITTED | given)

    order = Order.objects.get()
    assert (order.user_id, order.amount) == (user.pk, 1990)
    refused = operator.post(reverse("admin:orders_order_place"), SUBMITTED | {**given, "user_id": "nobody"})
    assert "HX-Redirect" not in refused
    assert Order.objects.count() == 1


def test_administrator_deletes_an_order_with_a_reason(client):
    client.force_login(UserFactory(role="administrator"))
    order = OrderFactory()

    client.post(reverse("admin:orders_order_remove", args=[order.pk]), SUBMITTED | {"version": 1, "reason": "twice"})

    assert not Order.objects.alive().exists()


# --- orders: many of them -------------------------------------------------------------------------------------------
def chosen(*orders: Order, **more: str) -> dict[str, object]:
    return SUBMITTED | {"action": "move_selected", "_selected_action": [order.pk for order in orders], **more}


def test_many_are_asked_about_first_and_offered_what_all_may_do(operator):
    orders = [OrderFactory(status="pending"), OrderFactory(status="paid")]

    page = operator.post(reverse(LIST), chosen(*orders))

    assert [value for value, _label in page.context["form"].fields["status"].choices] == ["cancelled"]
    assert all(order.order_id in page.content.decode() for order in orders)
    assert trail() == []


def test_many_move_together(operator):
    orders = [OrderFactory() for _ in range(3)]

    operator.post(reverse(LIST), chosen(*orders, confirmed="yes", status="paid", reason="bank list"))

    assert set(Order.objects.values_list("status", flat=True)) == {"paid"}
    assert {event["reason"] for event in trail()} == {"bank list"}


def test_many_move_all_or_none(operator):
    orders = [OrderFactory(), OrderFactory(status="completed")]

    operator.post(reverse(LIST), chosen(*orders, confirmed="yes", status="paid", reason="bank list"))

    assert set(Order.objects.values_list("status", flat=True)) == {"pending", "completed"}
    assert trail() == []


@pytest.mark.parametrize("key", ["²", "x", "", "-1'", "9" * 30, "1\x00"])
@pytest.mark.parametrize("more", [{}, {"select_across": "1"}, {"confirmed": "yes", "status": "paid", "reason": "list"}])
def test_a_key_that_no_row_can_have_is_a_sentence(operator, key, more):
    order = OrderFactory()

    answer = operator.post(
        reverse(LIST),
        SUBMITTED | {"action": "move_selected", "_selected_action": [order.pk, key], **more},
        follow=True,
    )

    assert answer.status_code == 200
    assert Order.objects.get().status == "pending"
    assert trail() == []


def test_orders_without_a_common_move_are_only_shown(operator):
    page = operator.post(reverse(LIST), chosen(OrderFactory(status="cancelled"), OrderFactory()))

    assert page.context["possible"] is False


# --- orders: files --------------------------------------------------------------------------------------------------
EXPORT = "admin:orders_order_export"


def body_of(response) -> bytes:
    return b"".join(response.streaming_content)


def test_csv_holds_the_filtered_list_and_no_formula(operator, monkeypatch):
    monkeypatch.setattr("apps.orders.admin.exporting.CHUNK", 2)
    for number, remark in enumerate(["=1+1", "+x", "-x", "@x", "\tx", "plain"]):
        OrderFactory(order_id=f"A-{number}", status="paid", amount=12_345, remark=remark)
    OrderFactory(order_id="OTHER")
    operator.cookies.load({"django_language": "en"})

    response = operator.post(f"{reverse(EXPORT)}?status__exact=paid", {"format": "csv"})
    text = body_of(response).decode("utf-8-sig")

    rows = list(csv.reader(io.StringIO(text)))
    assert rows[0][:2] == ["Order number", "User"]
    assert rows[0][5:] == ["Created (Asia/Shanghai)", "Paid at (Asia/Shanghai)", "Completed at (Asia/Shanghai)"]
    assert {row[3] for row in rows[1:]} == {"paid"}
    assert [row[0] for row in rows[1:]] == ["A-5", "A-4", "A-3", "A-2", "A-1", "A-0"]
    assert [row[4] for row in rows[1:]] == ["plain", "'\tx", "'@x", "'-x", "'+x", "'=1+1"]
    assert {row[2] for row in rows[1:]} == {"123.45"}
    assert "attachment" in response["Content-Disposition"]
    (event,) = trail()
    assert (event["action"], event["data"]) == (
        "exported",
        {"format": "csv", "filters": {"status__exact": "paid"}},
    )


def test_xlsx_opens_and_holds_no_formula(operator):
    OrderFactory(order_id="A-1", remark="=1+1", amount=12_345)

    response = operator.post(reverse(EXPORT), {"format": "xlsx"})

    sheet = load_workbook(io.BytesIO(body_of(response))).active
    rows = list(sheet.iter_rows(values_only=True))
    assert rows[1][0] == "A-1"
    assert rows[1][2] == 123.45
    assert rows[1][4] == "'=1+1"
    assert "f" not in {cell.data_type for row in sheet.iter_rows() for cell in row}


@pytest.mark.parametrize("file_format", ["csv", "xlsx"])
def test_control_characters_of_old_remarks_spoil_no_file(operator, file_format):
    OrderFactory(order_id="A-1", remark="\x01=1+1\x08 a\tb\x0b\x0c\x1f")

    content = body_of(operator.post(reverse(EXPORT), {"format": file_format}))

    if file_format == "xlsx":
        remark = list(load_workbook(io.BytesIO(content)).active.iter_rows(values_only=True))[1][4]
    else:
        remark = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))[1][4]
    assert remark == "'=1+1 a\tb"


@pytest.mark.parametrize("text", ["＝1+1", "＋1", "－1", "＠x"])
def test_full_width_signs_begin_no_formula(text):
    assert harmless(text) == f"'{text}"


def test_sheet_that_would_be_too_long_is_refused(operator, monkeypatch):
    monkeypatch.setattr("apps.orders.admin.exporting.MOST_IN_A_SHEET", 1)
    OrderFactory(), OrderFactory()

    response = operator.post(reverse(EXPORT), {"format": "xlsx"}, follow=True)

    assert response.redirect_chain[0][1] == 302
    assert "CSV" in str(next(iter(response.context["messages"])))
    assert trail() == []


def test_export_is_by_permission_and_never_by_get(client):
    client.force_login(UserFactory(role="editor"))
    assert client.post(reverse(EXPORT), {"format": "csv"}).status_code == 403
    client.force_login(UserFactory(role="operator"))
    assert client.get(reverse(EXPORT)).status_code == 405
    assert client.post(reverse(EXPORT), {"format": "pdf"}).status_code == 302

    assert trail() == []


# --- users with open orders -----------------------------------------------------------------------------------------
def test_refused_deletion_of_a_user_names_their_open_orders(client):
    client.force_login(UserFactory(role="administrator"))
    order = OrderFactory(order_id="A-1")

    client.post(reverse("admin:users_user_remove", args=[order.user_id]), SUBMITTED | {"reason": "asked for it"})

    page = client.get(reverse("admin:users_user_changelist")).content.decode()
    assert "A-1" in page
    order.user.refresh_from_db()
    assert order.user.deleted_at is None
