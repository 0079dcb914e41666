"""Complaints about articles (D-10): kept with what they rest on, closed by taking offline or by refusing."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.articles.errors import WrongState
from apps.articles.models import URL_LENGTH, Article, Takedown
from apps.articles.services.identity import canonical_url
from apps.articles.services.publishing import hide_for_complaint
from apps.articles.services.steps import LABEL_LENGTH
from apps.articles.services.wording import NOTICE_LENGTH, checked_text, refusal
from apps.audit.enums import Action
from apps.audit.services import record, snapshot
from apps.core.actor import Actor
from apps.core.db import locked
from apps.core.errors import FieldError, NotFound

COMPLAINANT_LENGTH = 128


@transaction.atomic
def open_takedown(
    target_id: int,
    *,
    actor: Actor,
    reason: str,
    target_type: str = Takedown.Target.ARTICLE,
    complainant: str = "",
    evidence_url: str = "",
) -> Takedown:
    """Keep a complaint; the article stays as it is until the complaint is closed.

    Raises NotFound, Invalid for another kind of target than an article.
    """
    if target_type not in Takedown.Target.values:
        raise refusal("target_type", "invalid_choice", _("Only articles can be taken down."))
    if evidence_url and (not canonical_url(evidence_url) or len(evidence_url) > URL_LENGTH):
        raise refusal("evidence_url", "invalid", _("Enter an http or https address of at most 512 characters."))
    reason = checked_text("reason", reason, NOTICE_LENGTH)
    complainant = checked_text("complainant", complainant, COMPLAINANT_LENGTH, required=False)
    if not Article.objects.filter(pk=target_id).exists():
        raise NotFound(_("There is no such article."))
    takedown = Takedown.objects.create(
        target_type=target_type,
        article_id=target_id,
        reason=reason,
        complainant=complainant,
        evidence_url=evidence_url.strip(),
        opened_by_label=actor.label[:LABEL_LENGTH],
    )
    record(Action.CREATED, takedown, actor=actor, new=snapshot(takedown))
    return takedown


@transaction.atomic
def resolve_takedown(takedown_id: int, *, actor: Actor, action: str) -> Takedown:
    """Close a complaint: ``offlined`` hides the article, ``rejected`` leaves it.

    Raises NotFound, Invalid for another action, WrongState when it is closed.
    """
    if action not in Takedown.Action.values:
        raise refusal("action", "invalid_choice", _("Take the article offline or refuse the complaint."))
    article_id = Takedown.objects.filter(pk=takedown_id).values_list("article_id", flat=True).first()
    article = locked(Article.objects.filter(pk=article_id or 0)).first()
    takedown = locked(Takedown.objects.filter(pk=takedown_id)).first()
    if takedown is None or article is None:
        raise NotFound(_("There is no such takedown request."))
    if not takedown.is_open:
        outcome = takedown.get_action_display()
        raise WrongState(_("This request is closed already."), errors=[FieldError("action", takedown.action, outcome)])
    before = snapshot(takedown)
    takedown.status, takedown.action = Takedown.Status.RESOLVED, action
    takedown.resolved_at, takedown.resolved_by_label = timezone.now(), actor.label[:LABEL_LENGTH]
    takedown.save(update_fields=["status", "action", "resolved_at", "resolved_by_label", "updated_at"])
    record(Action.UPDATED, takedown, actor=actor, old=before, new=snapshot(takedown), reason=takedown.reason)
    if action == Takedown.Action.OFFLINED:
        if article.status != Article.Status.OFFLINE:
            hide_for_complaint(article, actor=actor, reason=takedown.reason)
        else:
            # Nobody undoes what was done before: from here on the complaint keeps it hidden.
            article.version += 1
            article.save(update_fields=["version", "updated_at"])
    return takedown
