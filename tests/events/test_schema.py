import pytest

from tests import schema

pytestmark = pytest.mark.django_db


def test_tables_bear_the_customers_names():
    assert {"events", "bouts"} <= schema.tables()
    assert {"org", "name", "status", "starts_at", "venue", "source_id", "poster_url", "promo_video_url"} <= (
        schema.columns("events")
    )
    assert {"event_id", "red_fighter_id", "blue_fighter_id", "winner_fighter_id", "sequence_no", "time_sec"} <= (
        schema.columns("bouts")
    )


def test_indexes_bear_their_names():
    indexes = schema.indexes("events")

    assert indexes["idx_events_starts_at"] == ("starts_at",)
    assert indexes["idx_events_status_starts_at"] == ("status", "starts_at")
    assert indexes["idx_events_external_url"] == ("external_url",)
    assert indexes["idx_events_org_starts_at"] == ("org", "starts_at")
    assert indexes["idx_events_updated_at"] == ("updated_at",)
    assert schema.indexes("live_feeds")["idx_live_feeds_next_poll"] == ("next_poll_at",)
    assert schema.unique("bouts")["uk_bouts_event_sequence"] == ("event_id", "sequence_no")
    assert {
        "ck_bouts_state",
        "ck_bouts_result",
        "ck_bouts_two_fighters",
        "ck_bouts_winner_fought",
        "ck_bouts_win_has_winner",
        "ck_bouts_decided_has_result",
    } <= schema.checks("bouts")


def test_bouts_hold_real_keys_to_event_and_fighters():
    assert schema.foreign_keys("bouts") == {
        "duplicate_of_id": ("bouts", "id"),
        "event_id": ("events", "id"),
        "red_fighter_id": ("fighters", "id"),
        "blue_fighter_id": ("fighters", "id"),
        "winner_fighter_id": ("fighters", "id"),
    }


def test_tables_of_the_live_card():
    assert {"event_external_ids", "bout_external_ids", "live_feeds", "bout_reports", "bout_revisions"} <= (
        schema.tables()
    )
    assert schema.unique("event_external_ids")["uk_event_external_ids"] == ("source", "external_id")
    assert schema.unique("bout_external_ids")["uk_bout_external_ids"] == ("source", "external_id")
    assert schema.unique("bout_reports")["uk_bout_reports"] == ("bout_id", "source")
    assert schema.unique("bout_revisions")["uk_bout_revisions"] == ("bout_id", "version")
    assert {"state", "scheduled_rounds", "title_kind", "scores", "version", "is_manual"} <= schema.columns("bouts")
    assert "status" not in schema.columns("bouts")
