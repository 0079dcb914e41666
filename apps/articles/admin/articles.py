"""Articles: their state, what happened to them, and the deeds that change what readers see."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from apps.articles import services
from apps.articles.admin.calendar import CalendarViews
from apps.articles.admin.differences import difference
from apps.articles.admin.display import foreign_html, headline, moment_field, outside_link, source_link
from apps.articles.admin.forms import ComplaintForm, CorrectForm, OfflineForm, RetractForm, TimeForm, VersionForm
from apps.articles.admin.names import ArticleNames, EventFilter, FighterFilter, chips_of
from apps.articles.models import Article, Takedown
from apps.articles.services.mentions import of_article
from apps.core.actor import Actor
from apps.core.admin import (
    ChoiceFilter,
    DateRangeFilter,
    DialogForm,
    KeysetAdmin,
    chip,
    dialog_action,
    link,
    once_a_page,
    when,
)

_CHANGE = "articles.change_article"
TONES = {
    Article.Status.PENDING: "neutral",
    Article.Status.PUBLISHED: "success",
    Article.Status.OFFLINE: "warning",
    Article.Status.RETRACTED: "danger",
}
TAKEDOWN_TONES = {Takedown.Status.OPEN: "warning", Takedown.Status.RESOLVED: "neutral"}


def _is_published(article: Article) -> bool:
    return article.status == Article.Status.PUBLISHED


def _is_scheduled(article: Article) -> bool:
    return article.is_scheduled


def _can_be_published(article: Article) -> bool:
    return article.is_scheduled or article.status == Article.Status.OFFLINE


def _is_open(takedown: Takedown) -> bool:
    return takedown.is_open


@admin.register(Article)
class ArticleAdmin(ArticleNames, CalendarViews, KeysetAdmin):
    list_display = ("number", "piece", "state", "source_name", "published")
    list_filter = (
        ("status", ChoiceFilter),
        ("source", ChoiceFilter),
        ("mentions__fighter", FighterFilter),
        ("mentions__event", EventFilter),
        ("published_at", DateRangeFilter),
    )
    search_fields = ("title",)
    search_help_text = _("Words of the title")
    actions_detail = ("correct", "retract", "publish_now", "reschedule", "cancel_plan", "take_offline", "complain")
    fields = (
        "title", "state", "notice", "summary", "names_shown", "text", "original", "source_name", "cover_url",
        "video_url", "since", "planned", "published_mode", "dated", "reviewed_piece", "earlier_words", "complaints",
        "made", "changed",
    )  # fmt: skip
    readonly_fields = fields
    empty_title = _("No articles yet")
    empty_text = _("A piece that is approved in the review queue is published and stands here.")

    planned = moment_field("publish_at", _("publication planned"))
    since = moment_field("published_at", _("published at"))
    dated = moment_field("source_published_at", _("published by the source"))
    made = moment_field("created_at", _("created"))
    changed = moment_field("updated_at", _("changed"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return Article.objects.for_admin_list()

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> Any:
        return queryset.found_by(search_term) if search_term.strip() else queryset, False  # type: ignore[attr-defined]

    class Media:
        css = {"all": ("articles/admin.css",)}

    # --- deeds ------------------------------------------------------------------------------------------------
    @dialog_action(
        description=_("Correct"),
        permission=_CHANGE,
        form=CorrectForm,
        icon="edit_note",
        confirm=_("Readers see the new words and your notice; the old words are kept."),
        applies=_is_published,
    )
    def correct(self, request: HttpRequest, obj: Any, form: Any) -> Any:
        given = form.cleaned_data
        services.correct(
            obj.pk,
            actor=Actor.of_user(request.user),
            edits=services.Edits(title=given["title"], summary=given["summary"]),
            notice=given["notice"],
            expected_version=given["version"],
        )
        return _("The article has been corrected.")

    @dialog_action(
        description=_("Retract"),
        permission=_CHANGE,
        form=RetractForm,
        icon="undo",
        variant="danger",
        confirm=_("The article leaves the list; whoever opens it reads your notice."),
        applies=_is_published,
    )
    def retract(self, request: HttpRequest, obj: Any, form: Any) -> Any:
        services.retract(
            obj.pk,
            actor=Actor.of_user(request.user),
            notice=form.cleaned_data["notice"],
            expected_version=form.cleaned_data["version"],
        )
        return _("The article has been retracted.")

    @dialog_action(
        description=_("Take offline"),
        permission=_CHANGE,
        form=OfflineForm,
        icon="visibility_off",
        variant="danger",
        confirm=_("Readers don't find the article any more."),
        applies=_is_published,
    )
    def take_offline(self, request: HttpRequest, obj: Any, form: Any) -> Any:
        services.take_offline(
            obj.pk,
            actor=Actor.of_user(request.user),
            reason=form.cleaned_data["reason"],
            expected_version=form.cleaned_data["version"],
        )
        return _("The article is offline.")

    @dialog_action(
        description=_("Publish now"),
        permission=_CHANGE,
        form=VersionForm,
        icon="publish",
        variant="success",
        confirm=_("Readers see the article at once."),
        applies=_can_be_published,
    )
    def publish_now(self, request: HttpRequest, obj: Any, form: Any) -> Any:
        services.publish_now(obj.pk, actor=Actor.of_user(request.user), expected_version=form.cleaned_data["version"])
        return _("The article has been published.")

    @dialog_action(
        description=_("Another time"),
        permission=_CHANGE,
        form=TimeForm,
        icon="schedule",
        confirm=_("The article is published at this time instead."),
        applies=_is_scheduled,
    )
    def reschedule(self, request: HttpRequest, obj: Any, form: Any) -> Any:
        services.reschedule(
            obj.pk,
            actor=Actor.of_user(request.user),
            publish_at=form.cleaned_data["publish_at"],
            expected_version=form.cleaned_data["version"],
        )
        return _("Publication is planned.")

    @dialog_action(
        description=_("Cancel the plan"),
        permission=_CHANGE,
        form=VersionForm,
        icon="event_busy",
        variant="danger",
        confirm=_("The article is not published; its piece stands in the review queue again."),
        applies=_is_scheduled,
    )
    def cancel_plan(self, request: HttpRequest, obj: Any, form: Any) -> Any:
        services.cancel_plan(obj.pk, actor=Actor.of_user(request.user), expected_version=form.cleaned_data["version"])
        return _("The plan has been cancelled.")

    @dialog_action(
        description=_("Complaint"),
        permission=_CHANGE,
        form=ComplaintForm,
        icon="gavel",
        confirm=_("The complaint is kept; the article stays until somebody decides."),
    )
    def complain(self, request: HttpRequest, obj: Any, form: Any) -> Any:
        services.open_takedown(obj.pk, actor=Actor.of_user(request.user), **form.cleaned_data)
        return _("The complaint has been kept.")

    # --- cells ------------------------------------------------------------------------------------------------
    @admin.display(description=_("article"))
    def number(self, article: Article) -> str:
        return f"#{article.pk}"

    @admin.display(description=_("title"))
    def piece(self, article: Article) -> SafeString:
        return headline(article.title, article.source_url, article.summary)

    @admin.display(description=_("state"))
    def state(self, article: Article) -> SafeString:
        if article.is_scheduled:
            return format_html("{} {}", chip(_("planned"), "info"), when(article.publish_at))
        if article.corrected_at and article.status == Article.Status.PUBLISHED:
            return format_html("{} {}", chip(article.get_status_display(), "success"), chip(_("corrected"), "info"))
        return chip(article.get_status_display(), TONES[Article.Status(article.status)])

    @admin.display(description=_("source"))
    def source_name(self, article: Article) -> SafeString:
        return source_link(article.source_id, article.source.name if article.source else "")

    @admin.display(description=_("published at"))
    def published(self, article: Article) -> SafeString:
        return when(article.published_at)

    @admin.display(description=_("original"))
    def original(self, article: Article) -> SafeString:
        return outside_link(article.source_url, article.source_url)

    @admin.display(description=_("text"))
    def text(self, article: Article) -> SafeString:
        return foreign_html(article.content)

    @once_a_page
    @admin.display(description=_("fighters and events"))
    def names_shown(self, article: Article) -> SafeString:
        address = self.address("names", article.pk)
        return format_html("{}{}", chips_of(of_article(article)), link(address, _("Change")))

    @admin.display(description=_("reviewed piece"))
    def reviewed_piece(self, article: Article) -> SafeString:
        if article.pending_id is None:
            return link(None, "–")
        return link(
            reverse("admin:articles_pendingarticle_change", args=[article.pending_id]), f"#{article.pending_id}"
        )

    @once_a_page
    @admin.display(description=_("earlier words"))
    def earlier_words(self, article: Article) -> SafeString:
        """Each correction with the difference to what came after it."""
        revisions = list(article.revisions.order_by("-version"))
        later = [(article.title, article.summary), *((row.title, row.summary) for row in revisions)]
        items = format_html_join(
            "",
            "<li><div>{}</div><div>{}</div><span class='bjz-muted'>{} · {} · {}</span></li>",
            (
                (difference(row.title, title), difference(row.summary, summary), row.actor_label, when(row.created_at),
                 row.notice)
                for row, (title, summary) in zip(revisions, later, strict=False)
            ),
        )  # fmt: skip
        return format_html("<ul class='bjz-revisions'>{}</ul>", items) if items else format_html("–")

    @once_a_page
    @admin.display(description=_("complaints"))
    def complaints(self, article: Article) -> SafeString:
        items = format_html_join(
            "",
            "<li>{} {}</li>",
            (
                (
                    link(reverse("admin:articles_takedown_change", args=[row.pk]), f"#{row.pk} {row.reason}"),
                    chip(row.get_action_display() or row.get_status_display(), "neutral"),
                )
                for row in article.takedowns.all()
            ),
        )
        return format_html("<ul>{}</ul>", items) if items else format_html("–")


@admin.register(Takedown)
class TakedownAdmin(KeysetAdmin):
    """Complaints, the newest first."""

    list_display = ("number", "about", "why", "state", "received")
    list_filter = (("status", ChoiceFilter), ("created_at", DateRangeFilter))
    actions_row = actions_detail = ("offline", "refuse")
    fields = (
        "about", "reason", "complainant", "evidence", "state", "opened_by_label", "received_at", "resolved_by_label",
        "closed_at",
    )  # fmt: skip
    readonly_fields = fields
    empty_title = _("No takedown requests")
    empty_text = _("A complaint that is kept on an article's page stands here until somebody decides on it.")

    received_at = moment_field("created_at", _("received"))
    closed_at = moment_field("resolved_at", _("closed"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return Takedown.objects.select_related("article").defer("article__content")

    @dialog_action(
        description=_("Take offline"),
        permission=_CHANGE,
        form=DialogForm,
        icon="visibility_off",
        variant="danger",
        confirm=_("The article is hidden from readers and the request closed. This can't be undone by a key."),
        applies=_is_open,
    )
    def offline(self, request: HttpRequest, obj: Any, form: Any) -> Any:
        services.resolve_takedown(obj.pk, actor=Actor.of_user(request.user), action=Takedown.Action.OFFLINED)
        return _("The article is offline.")

    @dialog_action(
        description=_("Refuse"),
        permission=_CHANGE,
        form=DialogForm,
        icon="block",
        confirm=_("The article stays and the request is closed."),
        applies=_is_open,
    )
    def refuse(self, request: HttpRequest, obj: Any, form: Any) -> Any:
        services.resolve_takedown(obj.pk, actor=Actor.of_user(request.user), action=Takedown.Action.REJECTED)
        return _("The request has been refused.")

    @admin.display(description=pgettext_lazy("complaint", "request"))
    def number(self, takedown: Takedown) -> str:
        return f"#{takedown.pk}"

    @admin.display(description=_("article"))
    def about(self, takedown: Takedown) -> SafeString:
        return link(reverse("admin:articles_article_change", args=[takedown.article_id]), takedown.article.title)

    @admin.display(description=_("reason"))
    def why(self, takedown: Takedown) -> str:
        return takedown.reason

    @admin.display(description=_("evidence"))
    def evidence(self, takedown: Takedown) -> SafeString:
        return outside_link(takedown.evidence_url, takedown.evidence_url or "–")

    @admin.display(description=_("state"))
    def state(self, takedown: Takedown) -> SafeString:
        tone = TAKEDOWN_TONES[Takedown.Status(takedown.status)]
        return chip(takedown.get_action_display() or takedown.get_status_display(), tone)

    @admin.display(description=_("received"))
    def received(self, takedown: Takedown) -> SafeString:
        return when(takedown.created_at)
