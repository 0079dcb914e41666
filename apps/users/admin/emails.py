"""Sent e-mails: who was written to, how far each message got, and what a person decides about the unclear ones."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.core.actor import Actor
from apps.core.admin import (
    ChoiceFilter,
    DateRangeFilter,
    DialogForm,
    KeysetAdmin,
    chip,
    dialog_action,
    link,
    mono,
    when,
)
from apps.users.models import Email
from apps.users.services import mail

_SEND = "users.send_email"
STATE_TONES = {
    Email.State.WAITING: "info",
    Email.State.CLAIMED: "info",
    Email.State.SENDING: "info",
    Email.State.SENT: "success",
    Email.State.FAILED: "danger",
    Email.State.UNCLEAR: "warning",
    Email.State.HELD: "warning",
}


class ReasonForm(DialogForm):
    reason = forms.CharField(label=_("Reason"), max_length=500, widget=forms.Textarea(attrs={"rows": 3}))


def _can_be_sent_again(email: Any) -> bool:
    return isinstance(email, Email) and email.needs_a_decision


def _may_have_arrived(email: Any) -> bool:
    return _can_be_sent_again(email) and email.state in (Email.State.UNCLEAR, Email.State.SENDING)


@admin.register(Email)
class EmailAdmin(KeysetAdmin):
    """To be read; the two actions are for messages whose fate needs a person."""

    list_display = ("about", "recipients_shown", "state_chip", "asked_by", "created", "sent")
    list_filter = (("state", ChoiceFilter), ("created_at", DateRangeFilter))
    search_fields = ("request_id__startswith", "subject", "recipients")
    search_help_text = _("Address, subject or request id")
    actions_detail = ("send_again", "confirm_sent")
    empty_title = _("No e-mails yet")
    empty_text = _("Messages asked for through the interface and letters to new users stand here.")
    fieldsets = (
        (None, {"fields": ("state_chip", "problem", "sender", "to_shown", "cc_shown", "about", "refused_shown")}),
        (_("Content"), {"fields": ("body_shown", "html_shown", "attachments_shown")}),
        (_("Course"), {"fields": ("asked_by", "task", "request_shown", "identity", "created", "handed_over", "sent")}),
    )
    readonly_fields = tuple(name for _title, group in fieldsets for name in group["fields"])

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        resolved = request.resolver_match
        on_page = resolved is not None and "object_id" in resolved.kwargs
        return Email.objects.all() if on_page else Email.objects.for_admin_list()

    # --- actions ----------------------------------------------------------------------------------------------
    @dialog_action(
        description=_("Send again"),
        permission=_SEND,
        form=ReasonForm,
        icon="forward_to_inbox",
        variant="primary",
        confirm=_("The message is queued again. If it did arrive the first time, the recipients get it twice."),
        applies=_can_be_sent_again,
    )
    def send_again(self, request: HttpRequest, obj: Email, form: ReasonForm) -> str:
        mail.send_again(obj.pk, actor=Actor.of_user(request.user), reason=form.cleaned_data["reason"])
        return gettext("The message is queued again.")

    @dialog_action(
        description=_("It arrived"),
        permission=_SEND,
        form=ReasonForm,
        icon="mark_email_read",
        confirm=_("The message counts as sent and is not sent again."),
        applies=_may_have_arrived,
    )
    def confirm_sent(self, request: HttpRequest, obj: Email, form: ReasonForm) -> str:
        mail.confirm_sent(obj.pk, actor=Actor.of_user(request.user), reason=form.cleaned_data["reason"])
        return gettext("The message counts as sent.")

    # --- list -------------------------------------------------------------------------------------------------
    @admin.display(description=_("subject"))
    def about(self, email: Email) -> str:
        return email.subject

    @admin.display(description=_("recipients"))
    def recipients_shown(self, email: Email) -> str:
        first, *others = email.recipients.split()
        return f"{first} +{len(others)}" if others else first

    @admin.display(description=_("state"))
    def state_chip(self, email: Email) -> SafeString:
        return chip(email.get_state_display(), STATE_TONES[Email.State(email.state)])

    @admin.display(description=_("requested by"))
    def asked_by(self, email: Email) -> str:
        return email.requested_by or "–"

    @admin.display(description=_("created"))
    def created(self, email: Email) -> SafeString:
        return when(email.created_at)

    @admin.display(description=_("sent"))
    def sent(self, email: Email) -> SafeString:
        return when(email.sent_at)

    # --- page -------------------------------------------------------------------------------------------------
    @admin.display(description=_("last error"))
    def problem(self, email: Email) -> str:
        if email.state == Email.State.HELD:
            return gettext("No mail server is configured (SMTP_HOST).")
        return email.last_error or "–"

    @admin.display(description=_("to"))
    def to_shown(self, email: Email) -> str:
        return ", ".join(email.to)

    @admin.display(description=_("copy to"))
    def cc_shown(self, email: Email) -> str:
        return ", ".join(email.cc) or "–"

    @admin.display(description=_("refused recipients"))
    def refused_shown(self, email: Email) -> str:
        return "; ".join(f"{address}: {words}" for address, words in email.refused.items()) or "–"

    @admin.display(description=_("text"))
    def body_shown(self, email: Email) -> SafeString | str:
        if email.content_dropped_at is not None:
            return gettext("Text and files were dropped after 90 days.")
        return format_html('<pre class="bjz-json" tabindex="0">{}</pre>', email.text) if email.text else "–"

    @admin.display(description=_("HTML text"))
    def html_shown(self, email: Email) -> SafeString | str:
        """As source: a letter's HTML has no business in this page."""
        return format_html('<pre class="bjz-json" tabindex="0">{}</pre>', email.html) if email.html else "–"

    @admin.display(description=_("attachments"))
    def attachments_shown(self, email: Email) -> SafeString | str:
        files = email.attachments.order_by("position").values_list("filename", "content_type", "size")
        rows = [(name, kind, filesizeformat(size)) for name, kind, size in files]
        return format_html_join("", "<div>{} · {} · {}</div>", rows) or "–"

    @admin.display(description=_("handed over"))
    def handed_over(self, email: Email) -> SafeString:
        return when(email.sending_at)

    @admin.display(description=_("task"))
    def task(self, email: Email) -> SafeString:
        """By search: the hub's tables are not ours to look into."""
        return link(f"{reverse('admin:taskhub_task_changelist')}?q={email.task_id}", email.task_id)

    @admin.display(description=_("request id"))
    def request_shown(self, email: Email) -> SafeString:
        return mono(email.request_id)

    @admin.display(description=_("message number"))
    def identity(self, email: Email) -> SafeString:
        return mono(email.message_id)
