import pytest

from tests import schema

pytestmark = pytest.mark.django_db


def test_users_stand_in_the_customers_table():
    assert {"tb_user", "tb_token_session", "tb_idempotent_request"} <= schema.tables()
    assert {"username", "email", "password", "status", "last_login_at", "deleted_at", "deleted_key"} <= schema.columns(
        "tb_user"
    )


def test_names_are_unique_together_with_the_deletion_key():
    unique = schema.unique("tb_user")

    assert unique["uk_user_username"] == ("username_key", "deleted_key")
    assert unique["uk_user_email"] == ("email_key", "deleted_key")


def test_indexes_bear_their_names():
    assert schema.indexes("tb_user")["idx_user_status"] == ("status",)
    assert ("deleted_at",) in schema.indexes("tb_user").values()
    assert schema.indexes("tb_token_session")["idx_token_session_expires"] == ("expires_at",)
    assert schema.indexes("tb_idempotent_request")["idx_idempotent_request_created"] == ("created_at",)
    assert {"ck_user_deleted", "ck_user_status"} <= schema.checks("tb_user")


def test_emails_have_their_tables():
    assert {"emails", "email_attachments", "email_attachment_parts"} <= schema.tables()
    assert schema.unique("emails")["uk_email_request_id"] == ("request_id",)
    assert schema.unique("email_attachments")["uk_email_attachment_position"] == ("email_id", "position")
    assert schema.unique("email_attachment_parts")["uk_email_part_number"] == ("attachment_id", "number")
    assert schema.indexes("emails")["idx_email_state"] == ("state", "id")
    assert schema.indexes("emails")["idx_email_created_at"] == ("created_at",)
