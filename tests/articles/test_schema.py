"""Tables, columns and indexes as they stand in the database (decision 3, D.1)."""

from __future__ import annotations

import pytest

from tests import schema

pytestmark = pytest.mark.django_db

INDEXES = {
    "data_sources": {"uk_data_sources_url": ("url_hash",), "idx_data_sources_due": ("enabled", "next_poll_at")},
    "ingest_runs": {"idx_ingest_runs_source": ("source_id", "id"), "idx_ingest_runs_status": ("status", "started_at")},
    "pending_articles": {
        "uk_pending_articles_identity": ("identity_hash",),
        "idx_pending_articles_status": ("status", "created_at"),
        "idx_pending_articles_queue": ("status", "id"),
        "idx_pending_articles_source": ("source_id", "status"),
        "idx_pending_articles_created": ("created_at",),
        "idx_pending_articles_arrival": ("source_id", "created_at"),
        "idx_pending_articles_outcome": ("source_id", "status", "reviewed_at"),
    },
    "pending_article_revisions": {"uk_pending_revisions_title": ("pending_id", "title_hash")},
    "articles": {
        "uk_articles_identity": ("identity_hash",),
        "idx_articles_public_list": ("status", "published_at", "id"),
        "idx_articles_source_list": ("source_id", "status", "published_at", "id"),
        "idx_articles_language_list": ("language", "status", "published_at", "id"),
        "idx_articles_changes": ("updated_at", "id"),
        "idx_articles_scheduled": ("status", "publish_at"),
    },
    "article_revisions": {"uk_article_revisions_version": ("article_id", "version")},
    "review_steps": {"idx_review_steps_actor": ("actor_id", "id"), "idx_review_steps_batch": ("batch",)},
    "rights_takedowns": {"idx_rights_takedowns_status": ("status", "id")},
}
COLUMNS = {
    "articles": {
        "id", "title", "content", "source_url", "status", "published_at", "created_at", "updated_at", "source_id",
        "cover_url", "video_url", "published_mode",
    },
    "pending_articles": {
        "id", "title", "summary", "source_url", "raw_payload", "status", "reviewer_id", "reviewed_at", "created_at",
        "updated_at", "source_id",
    },
    "data_sources": {
        "name", "source_type", "platform", "account_id", "source_url", "parser_kind", "enabled", "is_builtin",
        "rights_display", "rights_playback", "rights_ai_summary", "rights_expires_at", "rights_proof_url",
        "last_fetch_at", "last_fetch_status", "last_fetch_error",
    },
    "ingest_runs": {
        "source_id", "source_url", "parser_kind", "status", "fetched_count", "error_msg", "started_at", "finished_at",
    },
    "rights_takedowns": {
        "target_type", "article_id", "reason", "complainant", "evidence_url", "status", "action", "resolved_at",
    },
}  # fmt: skip


FOREIGN_KEYS = {
    "ingest_runs": {"source_id": ("data_sources", "id")},
    "ingest_run_errors": {"run_id": ("ingest_runs", "id")},
    "pending_articles": {"source_id": ("data_sources", "id"), "story_id": ("pending_stories", "id")},
    "pending_stories": {"lead_id": ("pending_articles", "id")},
    "pending_article_revisions": {"pending_id": ("pending_articles", "id"), "run_id": ("ingest_runs", "id")},
    "articles": {"source_id": ("data_sources", "id"), "pending_id": ("pending_articles", "id")},
    "article_revisions": {"article_id": ("articles", "id")},
    "review_steps": {"pending_id": ("pending_articles", "id"), "article_id": ("articles", "id")},
    "rights_takedowns": {"article_id": ("articles", "id")},
}


@pytest.mark.parametrize("table", sorted(INDEXES))
def test_tables_have_their_indexes_by_name(table: str) -> None:
    found = schema.indexes(table)

    assert {name: found.get(name) for name in INDEXES[table]} == INDEXES[table]


@pytest.mark.parametrize("table", sorted(COLUMNS))
def test_tables_have_the_customers_columns(table: str) -> None:
    assert COLUMNS[table] - schema.columns(table) == set()


@pytest.mark.parametrize("table", sorted(FOREIGN_KEYS))
def test_the_content_tables_hold_real_foreign_keys_among_themselves(table: str) -> None:
    assert schema.foreign_keys(table) == FOREIGN_KEYS[table]


def test_no_column_of_a_reviewer_is_a_foreign_key() -> None:
    """Rows outlive users (decision 2)."""
    assert "reviewer_id" in schema.columns("pending_articles")
    assert "reviewer_id" not in schema.foreign_keys("pending_articles")
