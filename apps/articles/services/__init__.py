"""The verbs of the articles app: sources, ingest runs, storing of items, review."""

from apps.articles.services.changes import see_change
from apps.articles.services.claims import claim, release
from apps.articles.services.dead import dead_items, discard_dead, replay_dead
from apps.articles.services.ingest import (
    Answer,
    Failure,
    ItemProblem,
    RunOrder,
    begin_run,
    enter_server,
    put_off,
    record_failure,
    record_fetched,
    record_unchanged,
)
from apps.articles.services.manual import enter_by_hand
from apps.articles.services.mentions import Naming
from apps.articles.services.naming import name_article, name_piece
from apps.articles.services.pieces import Arrival
from apps.articles.services.publishing import (
    cancel_plan,
    correct,
    publish_now,
    publish_overdue,
    publish_scheduled,
    reschedule,
    retract,
    take_offline,
)
from apps.articles.services.review import approve, approve_many, edit, reject, reject_many
from apps.articles.services.silence import watch_sources
from apps.articles.services.sources import (
    EDITABLE_FIELDS,
    FetchJob,
    create_source,
    queue_due_sources,
    request_fetch,
    update_source,
)
from apps.articles.services.steps import last_at_desk, undo, undo_at_desk, undo_last
from apps.articles.services.stories import choose_lead, gather, join, leave_story, stories_of
from apps.articles.services.storing import store_items
from apps.articles.services.streams import ITEMS, publish_items
from apps.articles.services.suggesting import suggest, suggest_again
from apps.articles.services.takedowns import open_takedown, resolve_takedown
from apps.articles.services.wording import Edits

__all__ = [
    "EDITABLE_FIELDS",
    "ITEMS",
    "Answer",
    "Arrival",
    "Edits",
    "Failure",
    "FetchJob",
    "ItemProblem",
    "Naming",
    "RunOrder",
    "approve",
    "approve_many",
    "begin_run",
    "cancel_plan",
    "choose_lead",
    "claim",
    "correct",
    "create_source",
    "dead_items",
    "discard_dead",
    "edit",
    "enter_by_hand",
    "enter_server",
    "gather",
    "join",
    "last_at_desk",
    "leave_story",
    "name_article",
    "name_piece",
    "open_takedown",
    "publish_items",
    "publish_now",
    "publish_overdue",
    "publish_scheduled",
    "put_off",
    "queue_due_sources",
    "record_failure",
    "record_fetched",
    "record_unchanged",
    "reject",
    "reject_many",
    "release",
    "replay_dead",
    "request_fetch",
    "reschedule",
    "resolve_takedown",
    "retract",
    "see_change",
    "store_items",
    "stories_of",
    "suggest",
    "suggest_again",
    "take_offline",
    "undo",
    "undo_at_desk",
    "undo_last",
    "update_source",
    "watch_sources",
]
