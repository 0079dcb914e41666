"""What may be done to events and bouts, by people (``events``, ``running``, ``cards``) and by sources (``feeds``,
``applying``)."""

from apps.events.services.adopting import Adopted, adopt_card, request_cards
from apps.events.services.answers import Answer
from apps.events.services.applying import apply_answer, apply_answers
from apps.events.services.cards import (
    NewBout,
    Place,
    add_bout,
    arrange_card,
    cancel_bout,
    replace_fighter,
    restore_bout,
)
from apps.events.services.demo import ensure_demo_card
from apps.events.services.duplicates import restore_duplicate, void_duplicate
from apps.events.services.entering import edit_event, enter_event
from apps.events.services.events import change_event, run_by_hand
from apps.events.services.feeds import (
    follow,
    followed_as,
    provider_day,
    publish_answers,
    queue_due_polls,
    record_answer,
    record_failure,
)
from apps.events.services.hearing import Outcome
from apps.events.services.running import (
    KEPT,
    UNDO_SECONDS,
    Ending,
    Kept,
    confirm_result,
    enter_result,
    release_bout,
    step_bout,
    undo,
)
from apps.events.services.streams import ANSWERS, CHANGES
from apps.events.services.unknown import ignore_unknown, link_unknown, reopen_unknown

__all__ = [
    "ANSWERS",
    "CHANGES",
    "KEPT",
    "UNDO_SECONDS",
    "Adopted",
    "Answer",
    "Ending",
    "Kept",
    "NewBout",
    "Outcome",
    "Place",
    "add_bout",
    "adopt_card",
    "apply_answer",
    "apply_answers",
    "arrange_card",
    "cancel_bout",
    "change_event",
    "confirm_result",
    "edit_event",
    "ensure_demo_card",
    "enter_event",
    "enter_result",
    "follow",
    "followed_as",
    "ignore_unknown",
    "link_unknown",
    "provider_day",
    "publish_answers",
    "queue_due_polls",
    "record_answer",
    "record_failure",
    "release_bout",
    "reopen_unknown",
    "replace_fighter",
    "request_cards",
    "restore_bout",
    "restore_duplicate",
    "run_by_hand",
    "step_bout",
    "undo",
    "void_duplicate",
]
