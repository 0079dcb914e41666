"""What can be done with a piece at the review desk: each deed by the name under which the page sends it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.articles import services
from apps.core.actor import Actor


def _words(sent: dict[str, Any]) -> services.Edits | None:
    """Only when the edit form was used: it sends a title, and one that was emptied is refused."""
    return services.Edits(title=sent["title"], summary=sent["summary"]) if sent["has_words"] else None


def _approve(piece_id: int, actor: Actor, sent: dict[str, Any]) -> Any:
    article = services.approve(
        piece_id,
        actor=actor,
        expected_version=sent["version"],
        edits=_words(sent),
        publish_at=sent["publish_at"],
        naming=sent["naming"],
    )
    return _("Publication is planned.") if article.is_scheduled else _("The piece has been published.")


def _reject(piece_id: int, actor: Actor, sent: dict[str, Any]) -> Any:
    services.reject(
        piece_id,
        actor=actor,
        reason=sent["reason"],
        reason_code=sent["reason_code"],
        expected_version=sent["version"],
    )
    return _("The piece has been rejected.")


def _edit(piece_id: int, actor: Actor, sent: dict[str, Any]) -> Any:
    edits = services.Edits(title=sent["title"], summary=sent["summary"])
    services.edit(piece_id, actor=actor, edits=edits, naming=sent["naming"], expected_version=sent["version"])
    return _("Saved.")


def _names(piece_id: int, actor: Actor, sent: dict[str, Any]) -> Any:
    naming = sent["naming"] or services.Naming()
    services.name_piece(piece_id, naming, actor=actor, expected_version=sent["version"])
    return _("The names have been saved.")


def _claim(piece_id: int, actor: Actor, sent: dict[str, Any]) -> Any:
    services.claim(piece_id, actor=actor)
    return _("The piece is yours for 15 minutes.")


def _take_over(piece_id: int, actor: Actor, sent: dict[str, Any]) -> Any:
    services.claim(piece_id, actor=actor, take_over=True)
    return _("The piece is yours for 15 minutes.")


def _release(piece_id: int, actor: Actor, sent: dict[str, Any]) -> Any:
    services.release(piece_id, actor=actor)
    return _("The piece is free again.")


def _lead(piece_id: int, actor: Actor, sent: dict[str, Any]) -> Any:
    services.choose_lead(piece_id, actor=actor, expected_version=sent["version"])
    return _("This piece stands for the story now.")


def _apart(piece_id: int, actor: Actor, sent: dict[str, Any]) -> Any:
    services.leave_story(piece_id, actor=actor, expected_version=sent["version"])
    return _("The piece stands by itself now.")


# Called with the piece, who acts and what was sent; the answer is what the person is told.
DEEDS: dict[str, Callable[[int, Actor, dict[str, Any]], Any]] = {
    "approve": _approve,
    "reject": _reject,
    "edit": _edit,
    "names": _names,
    "claim": _claim,
    "take_over": _take_over,
    "release": _release,
    "lead": _lead,
    "apart": _apart,
}
