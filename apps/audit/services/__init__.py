"""The verbs of the audit log.  ``record`` and ``observe`` are the only ways in.

    with transaction.atomic():
        before = snapshot(article)
        article.status = "published"
        article.save(update_fields=["status"])
        record(Action.PUBLISHED, article, actor=actor, old=before, new=snapshot(article), reason=reason)

``record`` belongs to a change and commits with it or not at all.  ``observe`` is for what changes nothing (reads,
refusals, failed sign-ins): it never fails and never waits, and under overload such events are dropped and counted.
"""

from apps.audit.registry import ResourceRef
from apps.audit.services.observing import observe
from apps.audit.services.recording import Change, record, record_many, reference, snapshot

__all__ = ["Change", "ResourceRef", "observe", "record", "record_many", "reference", "snapshot"]
