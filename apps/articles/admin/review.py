"""The review queue: what came in, oldest first, and the decisions on one piece; those on many stand in ``many``."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.articles import services
from apps.articles.admin.desk import REVIEW, DeskViews
from apps.articles.admin.differences import difference
from apps.articles.admin.display import foreign_html, headline, moment, moment_field, outside_link, source_link
from apps.articles.admin.forms import EditAndApproveForm, RejectForm, VersionForm
from apps.articles.admin.many import DecideMany
from apps.articles.admin.names import EventFilter, FighterFilter, chips_of
from apps.articles.models import PendingArticle, PendingRevision
from apps.core.actor import Actor
from apps.core.admin import (
    ChoiceFilter,
    DateRangeFilter,
    KeysetAdmin,
    chip,
    dialog_action,
    json_block,
    link,
    once_a_page,
    when,
)

TONES = {
    PendingArticle.Status.PENDING: "info",
    PendingArticle.Status.APPROVED: "success",
    PendingArticle.Status.REJECTED: "danger",
}


def _waits(piece: PendingArticle) -> bool:
    return piece.is_pending


def _is_claimed(piece: PendingArticle) -> bool:
    return piece.is_pending and bool(piece.claimant(timezone.now()))


def _is_marked(piece: PendingArticle) -> bool:
    return piece.changed_after_review_at is not None


def _after_review(piece: PendingArticle, revision: PendingRevision) -> SafeString | str:
    later = piece.reviewed_at is not None and revision.created_at > piece.reviewed_at
    return chip(_("changed after review"), "warning") if later else ""


class ChangedFilter(ChoiceFilter):
    """Pieces that their source changed after somebody had decided on them."""

    def options(self) -> list[tuple[str, str]]:
        return [("1", str(_("Yes")))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(changed_after_review_at__isnull=False) if self.value else queryset


class SeveralFilter(ChoiceFilter):
    """Pieces whose story several sources tell."""

    def options(self) -> list[tuple[str, str]]:
        return [("1", str(_("several sources")))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.told_by_several() if self.value else queryset  # type: ignore[attr-defined]


class WaitingFilter(ChoiceFilter):
    """The state; a list opened without choosing shows what waits, "all" is chosen by hand."""

    preset = PendingArticle.Status.PENDING.value


@admin.register(PendingArticle)
class PendingArticleAdmin(DeskViews, DecideMany, KeysetAdmin):
    keyset_fields = ("id",)
    list_display = ("number", "piece", "source_name", "age", "state")
    list_filter = (
        ("status", WaitingFilter),
        ("source", ChoiceFilter),
        ("source__language", ChoiceFilter),
        ("story", SeveralFilter),
        ("mentions__fighter", FighterFilter),
        ("mentions__event", EventFilter),
        ("changed_after_review_at", ChangedFilter),
        ("created_at", DateRangeFilter),
    )
    search_fields = ("title",)
    search_help_text = _("Title")
    actions = ("approve_selected", "reject_selected")
    actions_row = ("approve", "reject")
    actions_detail = ("approve", "edit_and_approve", "reject", "claim", "release", "see_change")
    fields = (
        "title", "state", "summary", "names_shown", "text", "original", "source_name", "dated", "arrived",
        "headlines", "cover_url", "video_url", "decision", "published", "received",
    )  # fmt: skip
    readonly_fields = fields
    empty_title = _("Nothing waits for review")
    empty_text = _("New pieces appear here as soon as a source has some.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return PendingArticle.objects.for_review_list()

    def has_review_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(REVIEW))

    class Media:
        css = {"all": ("articles/admin.css",)}

    # --- decisions --------------------------------------------------------------------------------------------
    @dialog_action(
        description=_("Approve"),
        permission=REVIEW,
        form=VersionForm,
        icon="check",
        variant="success",
        confirm=_("The piece is published at once."),
        applies=_waits,
    )
    def approve(self, request: HttpRequest, obj: Any, form: Any) -> Any:
        services.approve(obj.pk, actor=Actor.of_user(request.user), expected_version=form.cleaned_data["version"])
        return _("The piece has been published.")

    @dialog_action(
        description=_("Edit and approve"),
        permission=REVIEW,
        form=EditAndApproveForm,
        icon="edit",
        confirm=_("Your words are published instead of the source's; the source's are kept."),
        applies=_waits,
    )
    def edit_and_approve(self, request: HttpRequest, obj: Any, form: Any) -> Any:
        given = form.cleaned_data
        article = services.approve(
            obj.pk,
            actor=Actor.of_user(request.user),
            expected_version=given["version"],
            edits=services.Edits(title=given["title"], summary=given["summary"]),
            publish_at=given["publish_at"],
        )
        return _("Publication is planned.") if article.is_scheduled else _("The piece has been published.")

    @dialog_action(
        description=_("Claim"),
        permission=REVIEW,
        icon="front_hand",
        confirm=_("For 15 minutes nobody else decides on this piece. Whoever held it is told in the audit log."),
        applies=_waits,
    )
    def claim(self, request: HttpRequest, obj: Any, form: Any) -> Any:
        services.claim(obj.pk, actor=Actor.of_user(request.user), take_over=True)
        return _("The piece is yours for 15 minutes.")

    @dialog_action(
        description=_("Release"),
        permission=REVIEW,
        icon="waving_hand",
        confirm=_("Others can decide on the piece again."),
        applies=_is_claimed,
    )
    def release(self, request: HttpRequest, obj: Any, form: Any) -> Any:
        services.release(obj.pk, actor=Actor.of_user(request.user))
        return _("The piece is free again.")

    @dialog_action(
        description=_("Change seen"),
        permission=REVIEW,
        form=VersionForm,
        icon="visibility",
        confirm=_("The mark goes; all headlines stay on this page. To follow the source, correct the article."),
        applies=_is_marked,
    )
    def see_change(self, request: HttpRequest, obj: Any, form: Any) -> Any:
        services.see_change(obj.pk, actor=Actor.of_user(request.user), expected_version=form.cleaned_data["version"])
        return _("The change has been seen.")

    @dialog_action(
        description=_("Reject"),
        permission=REVIEW,
        form=RejectForm,
        icon="close",
        variant="danger",
        confirm=_("The piece is kept with your reason and not published."),
        applies=_waits,
    )
    def reject(self, request: HttpRequest, obj: Any, form: Any) -> Any:
        services.reject(
            obj.pk,
            actor=Actor.of_user(request.user),
            reason=form.cleaned_data["reason"],
            reason_code=form.cleaned_data["reason_code"],
            expected_version=form.cleaned_data["version"],
        )
        return _("The piece has been rejected.")

    dated = moment_field("source_published_at", _("published by the source"))
    arrived = moment_field("created_at", _("received"))

    # --- cells ------------------------------------------------------------------------------------------------
    @admin.display(description=_("piece"))
    def number(self, piece: PendingArticle) -> str:
        return f"#{piece.pk}"

    @admin.display(description=_("title"))
    def piece(self, piece: PendingArticle) -> SafeString:
        return headline(piece.title, piece.source_url, piece.summary)

    @admin.display(description=_("source"))
    def source_name(self, piece: PendingArticle) -> SafeString:
        return source_link(piece.source_id, piece.source.name if piece.source else "")

    @admin.display(description=_("received"))
    def age(self, piece: PendingArticle) -> SafeString:
        return when(piece.created_at)

    @admin.display(description=_("state"))
    def state(self, piece: PendingArticle) -> SafeString:
        shown = chip(piece.get_status_display(), TONES[PendingArticle.Status(piece.status)])
        holder = piece.claimant(timezone.now()) if piece.is_pending else ""
        if holder:
            shown = format_html("{} {}", shown, chip(_("claimed by %(name)s") % {"name": holder}, "neutral"))
        if piece.is_suspect:
            shown = format_html("{} {}", shown, chip(_("looks like spam"), "danger"))
        if piece.changed_after_review_at is None:
            return shown
        return format_html("{} {}", shown, chip(_("edited after review"), "warning"))

    @admin.display(description=_("text"))
    def text(self, piece: PendingArticle) -> SafeString:
        return foreign_html(piece.content)

    @once_a_page
    @admin.display(description=_("fighters and events"))
    def names_shown(self, piece: PendingArticle) -> SafeString:
        return chips_of(piece.mentions.with_names())

    @admin.display(description=_("original"))
    def original(self, piece: PendingArticle) -> SafeString:
        return outside_link(piece.source_url, piece.source_url)

    @admin.display(description=_("other headlines"))
    def headlines(self, piece: PendingArticle) -> SafeString:
        """Each with its difference to the words that stand here; what came after the decision is marked."""
        rows = format_html_join(
            "",
            "<li>{} <span class='bjz-muted'>{}</span> {}</li>",
            (
                (difference(piece.title, revision.title), when(revision.created_at), _after_review(piece, revision))
                for revision in piece.revisions.all()
            ),
        )
        return format_html("<ul>{}</ul>", rows) if rows else format_html("–")

    @admin.display(description=_("decision"))
    def decision(self, piece: PendingArticle) -> SafeString:
        if piece.is_pending:
            return format_html("–")
        reason = " · ".join(str(part) for part in (piece.get_reject_code_display(), piece.reject_reason) if part)
        return format_html("{} · {} {}", piece.reviewer_label, moment(piece.reviewed_at), reason)

    @admin.display(description=_("article"))
    def published(self, piece: PendingArticle) -> SafeString:
        article = getattr(piece, "article", None)
        if article is None:
            return format_html("–")
        return link(reverse("admin:articles_article_change", args=[article.pk]), article.title)

    @admin.display(description=_("as received"))
    def received(self, piece: PendingArticle) -> SafeString:
        return json_block(piece.raw_payload)
