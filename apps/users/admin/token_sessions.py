"""Sign-ins by token: where somebody is signed in through the API, and the way to end it."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.core.actor import Actor
from apps.core.admin import KeysetAdmin, chip, dialog_action, link, mono, when
from apps.users.admin.display import ReasonForm, device
from apps.users.enums import SessionEnd
from apps.users.models import TokenSession
from apps.users.services.accounts import end_token_session


@admin.register(TokenSession)
class TokenSessionAdmin(KeysetAdmin):
    keyset_fields = ("-created_at", "-id")
    list_display = ("device_shown", "user_shown", "state", "client_ip", "used", "begun")
    list_display_links = ("device_shown",)
    search_fields = ("user__username_key__exact", "user__email_key__exact", "client_ip__exact")
    search_help_text = _("Whole user name, e-mail or address")
    fields = (
        "user_shown",
        "state",
        "device_shown",
        "client_ip",
        "agent",
        "begun",
        "used",
        "expires",
        "ended",
    )
    readonly_fields = fields
    actions_row = actions_detail = ("end",)
    empty_title = _("No sign-ins")
    empty_text = _("Whoever signs in through the API stands here until a day after the sign-in has ended.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[TokenSession]:
        return TokenSession.objects.select_related("user")

    def has_view_permission(self, request: HttpRequest, obj: TokenSession | None = None) -> bool:
        return bool(request.user.has_perm("users.view_user"))

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """The list of one user, to which their page leads."""
        return lookup == "user__id__exact" or bool(super().lookup_allowed(lookup, value, request))

    def title_of(self, obj: TokenSession) -> str:
        return f"{obj.user.username} · {device(obj.user_agent)}"

    @dialog_action(
        description=_("End sign-in"),
        permission="users.change_user",
        form=ReasonForm,
        icon="logout",
        variant="danger",
        confirm=_("This device has to sign in again."),
        applies=lambda session: session.revoked_at is None and session.expires_at > timezone.now(),
    )
    def end(self, request: HttpRequest, session: TokenSession, form: ReasonForm) -> str:
        end_token_session(session.pk, actor=Actor.of_user(request.user), reason=form.cleaned_data["reason"])
        return gettext("The sign-in has been ended.")

    @admin.display(description=_("device"))
    def device_shown(self, session: TokenSession) -> str:
        return device(session.user_agent)

    @admin.display(description=_("user"))
    def user_shown(self, session: TokenSession) -> SafeString:
        user = session.user
        address = None if user.deleted_at else reverse("admin:users_user_change", args=[user.pk])
        return link(address, user.username)

    @admin.display(description=_("state"))
    def state(self, session: TokenSession) -> SafeString:
        if session.revoked_at is not None:
            return chip(_("ended"), "neutral")
        if session.expires_at <= timezone.now():
            return chip(_("expired"), "neutral")
        return chip(_("open"), "success")

    @admin.display(description=_("user agent"))
    def agent(self, session: TokenSession) -> SafeString:
        return mono(session.user_agent)

    @admin.display(description=_("created"))
    def begun(self, session: TokenSession) -> SafeString:
        return when(session.created_at)

    @admin.display(description=_("last refreshed"))
    def used(self, session: TokenSession) -> SafeString:
        return when(session.refreshed_at)

    @admin.display(description=_("expires at"))
    def expires(self, session: TokenSession) -> SafeString:
        return when(session.expires_at)

    @admin.display(description=_("ended"))
    def ended(self, session: TokenSession) -> str:
        reason = session.revoked_reason
        return str(SessionEnd(reason).label) if reason in SessionEnd.values else reason or "–"
