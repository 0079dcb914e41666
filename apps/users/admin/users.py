"""Users in the back-office: who may sign in, with which roles.  Passwords are shown in no form."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from apps.audit.enums import Action
from apps.audit.services.story import story_of
from apps.core.actor import Actor
from apps.core.admin import BackOfficeAdmin, ChoiceFilter, chip, dialog_action, once_a_page, when
from apps.users.admin.display import ReasonForm, device, sign_in_chip
from apps.users.models import User
from apps.users.querysets import fold
from apps.users.roles import LABELS, Role
from apps.users.services.accounts import (
    delete_user,
    roles_of,
    set_roles,
    set_status,
    sign_out_everywhere,
)
from apps.users.services.changing import change_user
from apps.users.services.sign_in import unlock_sign_in

# Enough to see what is going on; the rest is a list of its own.
SHOWN = 20
_SIGN_IN_ACTIONS = (Action.LOGIN, Action.LOGIN_FAILED, Action.LOGOUT, Action.PASSWORD_CHANGED, Action.UNLOCKED)
STATUS_TONES = {User.Status.ACTIVE: "success", User.Status.INACTIVE: "neutral", User.Status.LOCKED: "danger"}


class StatusForm(ReasonForm):
    status = forms.ChoiceField(label=_("status"), choices=User.Status.choices)
    field_order = ("status", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if isinstance(self.obj, User):
            self.fields["status"].initial = self.obj.status


class RolesForm(ReasonForm):
    editor = forms.BooleanField(label=LABELS[Role.EDITOR], required=False)
    operator = forms.BooleanField(label=LABELS[Role.OPERATOR], required=False)
    auditor = forms.BooleanField(label=LABELS[Role.AUDITOR], required=False)
    administrator = forms.BooleanField(label=LABELS[Role.ADMINISTRATOR], required=False)
    field_order = (*Role, "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if isinstance(self.obj, User):
            for role in roles_of(self.obj):
                self.fields[role.value].initial = True

    def chosen(self) -> list[Role]:
        return [role for role in Role if self.cleaned_data[role.value]]


class ContactForm(ReasonForm):
    email = forms.EmailField(label=_("e-mail"), max_length=100, widget=forms.TextInput)
    language = forms.ChoiceField(label=_("language"), choices=settings.LANGUAGES)
    field_order = ("email", "language", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if isinstance(self.obj, User):
            self.fields["email"].initial = self.obj.email
            self.fields["language"].initial = self.obj.language


@admin.register(User)
class UserAdmin(BackOfficeAdmin):
    list_display = ("username", "email", "status_chip", "role_names", "signed_in", "created")
    list_filter = (("status", ChoiceFilter), ("is_staff", ChoiceFilter))
    # The folded columns: found without case on every database.
    search_fields = ("username_key", "email_key")
    search_help_text = _("User name or e-mail")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "username", "email", "status_chip", "role_names", "speaks", "is_staff", "is_superuser", "is_demo",
                    "signed_in", "created", "changed",
                )
            },
        ),
        (_("Sign-ins"), {"fields": ("open_sessions", "sign_ins")}),
    )  # fmt: skip
    readonly_fields = tuple(name for _title, group in fieldsets for name in group["fields"])
    # Deleting only from the list: afterwards there is no page of the user to come back to.
    actions_row = ("change_roles", "change_status", "remove")
    actions_detail = ("change_roles", "change_status", "change_contact", "unlock", "end_sessions")
    empty_title = _("No users yet")

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        users: QuerySet[User] = User.objects.for_admin_list()
        return users

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[User], search_term: str
    ) -> tuple[QuerySet[User], bool]:
        found: tuple[QuerySet[User], bool] = super().get_search_results(request, queryset, fold(search_term))
        return found

    @admin.display(description=_("status"), ordering="status")
    def status_chip(self, user: User) -> SafeString:
        return chip(user.get_status_display(), STATUS_TONES[User.Status(user.status)])

    @admin.display(description=_("roles"))
    def role_names(self, user: User) -> str:
        names = [str(LABELS[role]) for role in roles_of(user)]
        return gettext(", ").join([str(_("Superuser")), *names] if user.is_superuser else names) or "–"

    @admin.display(description=_("last sign-in"), ordering="last_login_at")
    def signed_in(self, user: User) -> SafeString:
        return when(user.last_login_at)

    @admin.display(description=_("created"), ordering="created_at")
    def created(self, user: User) -> SafeString:
        return when(user.created_at)

    @admin.display(description=_("changed"), ordering="updated_at")
    def changed(self, user: User) -> SafeString:
        return when(user.updated_at)

    @admin.display(description=_("language"))
    def speaks(self, user: User) -> str:
        return dict(settings.LANGUAGES).get(user.language, user.language)

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Where somebody signed in from is a matter of the audit log: only for those who may read it."""
        if request.user.has_perm("audit.view_auditevent"):
            return self.fieldsets
        return [
            (title, {"fields": [name for name in group["fields"] if name != "sign_ins"]})
            for title, group in self.fieldsets
        ]

    @once_a_page
    @admin.display(description=_("open sign-ins by token"))
    def open_sessions(self, user: User) -> SafeString:
        sessions = list(user.token_sessions.usable(timezone.now()).order_by("-refreshed_at", "-pk")[: SHOWN + 1])
        context = {
            "rows": [(session, device(session.user_agent), when(session.refreshed_at)) for session in sessions[:SHOWN]],
            "all": f"{reverse('admin:users_tokensession_changelist')}?{urlencode({'user__id__exact': user.pk})}",
            "more": len(sessions) > SHOWN,
        }
        return render_to_string("users/open_sessions.html", context)

    @once_a_page
    @admin.display(description=_("sign-in history"))
    def sign_ins(self, user: User) -> SafeString:
        """Also failed ones; newest first."""
        events = story_of("user", user.pk, actions=_SIGN_IN_ACTIONS, most=SHOWN)
        rows = [(event, when(event.at), sign_in_chip(event), device(event.user_agent)) for event in events]
        return render_to_string("users/sign_ins.html", {"rows": rows})

    @dialog_action(
        description=_("Change roles"), permission="users.change_user", form=RolesForm, icon="badge", variant="primary"
    )
    def change_roles(self, request: HttpRequest, user: User, form: RolesForm) -> str:
        set_roles(user.pk, form.chosen(), actor=Actor.of_user(request.user), reason=form.cleaned_data["reason"])
        return gettext("The roles have been changed.")

    @dialog_action(
        description=_("Change status"),
        permission="users.change_user",
        form=StatusForm,
        icon="toggle_on",
        confirm=_("Whoever is not active is signed out with their next request."),
    )
    def change_status(self, request: HttpRequest, user: User, form: StatusForm) -> str:
        given = form.cleaned_data
        set_status(user.pk, given["status"], actor=Actor.of_user(request.user), reason=given["reason"])
        return gettext("The status has been changed.")

    @dialog_action(
        description=_("Change e-mail"), permission="users.change_user", form=ContactForm, icon="alternate_email"
    )
    def change_contact(self, request: HttpRequest, user: User, form: ContactForm) -> str:
        given = {name: form.cleaned_data[name] for name in ContactForm.field_order}
        change_user(user.pk, actor=Actor.of_user(request.user), **given)
        return gettext("E-mail and language have been saved.")

    @dialog_action(
        description=_("Unlock sign-in"),
        permission="users.change_user",
        form=ReasonForm,
        icon="lock_open",
        confirm=_("Forgets the failed sign-ins that were counted for this user."),
    )
    def unlock(self, request: HttpRequest, user: User, form: ReasonForm) -> str:
        unlock_sign_in(user.pk, actor=Actor.of_user(request.user), reason=form.cleaned_data["reason"])
        return gettext("The user may try again.")

    @dialog_action(
        description=_("Sign out everywhere"),
        permission="users.change_user",
        form=ReasonForm,
        icon="logout",
        confirm=_("Every browser and every device has to sign in again."),
    )
    def end_sessions(self, request: HttpRequest, user: User, form: ReasonForm) -> str:
        actor = Actor.of_user(request.user)
        closed = sign_out_everywhere(user.pk, actor=actor, reason=form.cleaned_data["reason"])
        return ngettext(
            "Signed out; %(count)d sign-in by token ended.", "Signed out; %(count)d sign-ins by token ended.", closed
        ) % {"count": closed}

    @dialog_action(
        description=_("Delete user"),
        permission="users.delete_user",
        form=ReasonForm,
        icon="delete",
        variant="danger",
        confirm=_("The user disappears from all lists; user name and e-mail are free for others. The log stays."),
    )
    def remove(self, request: HttpRequest, user: User, form: ReasonForm) -> str:
        delete_user(user.pk, actor=Actor.of_user(request.user), reason=form.cleaned_data["reason"])
        return gettext("The user has been deleted.")
