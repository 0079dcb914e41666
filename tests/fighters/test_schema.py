import pytest

from tests import schema

pytestmark = pytest.mark.django_db


def test_tables_bear_the_customers_names():
    assert {"fighters", "fighter_updates"} <= schema.tables()
    assert {"name", "name_zh", "nickname", "country", "weight_class", "record", "source_id", "avatar_url"} <= (
        schema.columns("fighters")
    )
    assert {"intro_video_url", "is_manual", "external_url", "stats", "records"} <= schema.columns("fighters")


def test_fighters_hold_measures_in_whole_units_and_where_they_come_from():
    assert {
        "height_mm", "reach_mm", "weight_g", "stance", "birth_date", "wins", "losses", "draws", "no_contests",
        "last_bout_on", "best_rank", "is_unconfirmed", "merged_into_id", "provenance", "version",
    } <= schema.columns("fighters")  # fmt: skip


def test_indexes_bear_their_names():
    indexes = schema.indexes("fighters")

    assert indexes["idx_fighters_name"] == ("name",)
    assert indexes["idx_fighters_name_zh"] == ("name_zh",)
    assert indexes["idx_fighters_external_url"] == ("external_url",)
    assert schema.indexes("fighter_updates")["idx_fighter_updates_fighter"] == ("fighter_id", "published_at")
    assert schema.indexes("fighter_name_keys")["idx_fighter_name_keys_key"] == ("name_key", "kind", "fighter_id")
    assert schema.indexes("fighter_aliases")["idx_fighter_aliases_name_key"] == ("name_key",)
    assert schema.indexes("fighter_unmatched_names")["idx_unmatched_names_status"] == ("status", "id")
    assert schema.indexes("refused_changes")["idx_refused_changes_status"] == ("status", "id")
    assert schema.indexes("fighter_rankings")["idx_rankings_fighter"] == ("fighter_id", "valid_from")
    assert schema.indexes("fighter_rankings")["idx_rankings_division"] == ("division", "valid_from")


def test_what_must_be_single_is_single():
    assert schema.unique("fighter_external_ids")["uk_fighter_external_ids_source_id"] == ("source", "external_id")
    assert schema.unique("fighter_aliases")["uk_fighter_aliases_fighter_key"] == ("fighter_id", "name_key")
    assert schema.unique("fighter_unmatched_names")["uk_unmatched_names_source_key"] == ("source", "name_key")
    assert schema.unique("fighter_distinct_pairs")["uk_fighter_distinct_pairs"] == ("lower_id", "higher_id")
    assert schema.unique("fighter_rankings")["uk_rankings_spell"] == ("source", "division", "fighter_id", "valid_from")
    assert schema.unique("refused_changes")["uk_refused_changes_offer"] == (
        "resource_type", "resource_id", "field", "source", "offered_key",
    )  # fmt: skip


def test_states_are_held_by_the_database():
    assert {"ck_unmatched_names_status", "ck_unmatched_names_cause"} <= schema.checks("fighter_unmatched_names")
    assert "ck_import_runs_status" in schema.checks("import_runs")
    assert "ck_refused_changes_status" in schema.checks("refused_changes")
    assert {"ck_fighter_merges_kind", "ck_fighter_merges_two_fighters"} <= schema.checks("fighter_merges")
    assert "ck_rankings_spell" in schema.checks("fighter_rankings")


@pytest.mark.parametrize(
    "table",
    ["fighter_updates", "fighter_media", "fighter_external_ids", "fighter_aliases", "fighter_name_keys",
     "fighter_rankings", "fighter_unmatched_names"],
)  # fmt: skip
def test_what_belongs_to_a_fighter_holds_a_real_key(table):
    assert schema.foreign_keys(table) == {"fighter_id": ("fighters", "id")}
