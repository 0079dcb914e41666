"""Triggers that make audit_events append-only on PostgreSQL, MySQL/MariaDB and SQLite.

Not atomic: MySQL commits around DDL.  Every statement may be repeated, so a broken run is simply started again.
"""

from django.db import migrations

POSTGRESQL = [
    """
    CREATE OR REPLACE FUNCTION audit_events_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (SELECT 1 FROM audit_pass) THEN
            RETURN CASE TG_OP WHEN 'UPDATE' THEN NEW ELSE OLD END;
        END IF;
        RAISE EXCEPTION 'audit_events is append-only: % refused', TG_OP USING ERRCODE = 'restrict_violation';
    END $$
    """,
    "DROP TRIGGER IF EXISTS audit_events_no_change ON audit_events",
    "DROP TRIGGER IF EXISTS audit_events_no_truncate ON audit_events",
    """
    CREATE TRIGGER audit_events_no_change BEFORE UPDATE OR DELETE ON audit_events
    FOR EACH ROW EXECUTE FUNCTION audit_events_refuse()
    """,
    """
    CREATE TRIGGER audit_events_no_truncate BEFORE TRUNCATE ON audit_events
    FOR EACH STATEMENT EXECUTE FUNCTION audit_events_refuse()
    """,
]
POSTGRESQL_BACK = [
    "DROP TRIGGER IF EXISTS audit_events_no_change ON audit_events",
    "DROP TRIGGER IF EXISTS audit_events_no_truncate ON audit_events",
    "DROP FUNCTION IF EXISTS audit_events_refuse()",
]


# {lower} is the name's part, {upper} the operation.
MYSQL_TRIGGER = """
CREATE TRIGGER audit_events_no_{lower} BEFORE {upper} ON audit_events FOR EACH ROW
BEGIN
    IF NOT EXISTS (SELECT 1 FROM audit_pass) THEN
        SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'audit_events is append-only: {upper} refused';
    END IF;
END
"""
SQLITE_TRIGGER = """
CREATE TRIGGER audit_events_no_{lower} BEFORE {upper} ON audit_events
WHEN NOT EXISTS (SELECT 1 FROM audit_pass)
BEGIN
    SELECT RAISE(ABORT, 'audit_events is append-only: {upper} refused');
END
"""


def _both(trigger):
    return [trigger.format(lower=name.lower(), upper=name) for name in ("UPDATE", "DELETE")]


DROP_BOTH = [
    "DROP TRIGGER IF EXISTS audit_events_no_update",
    "DROP TRIGGER IF EXISTS audit_events_no_delete",
]
FORWARDS = {
    "postgresql": POSTGRESQL,
    "mysql": [*DROP_BOTH, *_both(MYSQL_TRIGGER)],
    "sqlite": [*DROP_BOTH, *_both(SQLITE_TRIGGER)],
}
BACKWARDS = {"postgresql": POSTGRESQL_BACK, "mysql": DROP_BOTH, "sqlite": DROP_BOTH}


def forwards(apps, schema_editor):
    for statement in FORWARDS[schema_editor.connection.vendor]:
        # params=None: the percent signs of the text are no placeholders.
        schema_editor.execute(statement, params=None)


def backwards(apps, schema_editor):
    for statement in BACKWARDS[schema_editor.connection.vendor]:
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("audit", "0001_initial")]

    operations = [migrations.RunPython(forwards, backwards)]
