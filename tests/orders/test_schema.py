import pytest

from tests import schema

pytestmark = pytest.mark.django_db


def test_tables_bear_the_customers_names():
    assert {"tb_order", "sim_cards", "sim_usage"} <= schema.tables()
    assert {"order_id", "user_id", "amount", "status", "remark", "paid_at", "completed_at", "deleted_at"} <= (
        schema.columns("tb_order")
    )


def test_indexes_bear_their_names():
    indexes = schema.indexes("tb_order")

    assert indexes["idx_order_user_id"] == ("user_id",)
    assert indexes["idx_order_status"] == ("status",)
    assert indexes["idx_order_created"] == ("deleted_key", "created_at", "id")
    assert indexes["idx_order_status_created"] == ("status", "deleted_key", "created_at", "id")
    assert ("deleted_at",) in indexes.values()
    assert schema.unique("tb_order")["uk_order_order_id"] == ("order_id", "deleted_key")
    assert {"ck_order_amount", "ck_order_status", "ck_order_deleted"} <= schema.checks("tb_order")
    assert schema.unique("sim_cards")["uk_sim_cards_iccid"] == ("iccid",)
    assert schema.indexes("sim_cards")["idx_sim_cards_order_id"] == ("order_id",)
    assert schema.unique("sim_usage")["uk_sim_usage_card_day"] == ("sim_card_id", "day")


@pytest.mark.parametrize("table", ["tb_order", "sim_cards", "sim_usage"])
def test_keys_into_other_tables_are_logical(table):
    assert schema.foreign_keys(table) == {}


def test_synchronisations_have_their_table():
    assert {"request_id", "cursor", "bad_rows", "pages"} <= schema.columns("sim_sync_runs")
    assert schema.unique("sim_sync_runs")["uk_sim_sync_run_request_id"] == ("request_id",)
    assert schema.indexes("sim_sync_runs")["idx_sim_sync_run_type"] == ("sync_type", "state", "started_at")
    assert schema.foreign_keys("sim_sync_runs") == {}


def test_requests_for_synchronisations_are_unique_by_task_and_id():
    assert schema.unique("sim_sync_requests")["uk_sim_sync_request"] == ("task_name", "request_id")
    assert schema.foreign_keys("sim_sync_requests") == {}
