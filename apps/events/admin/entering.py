"""Dialogs in which a person enters an event or puts its name, time and place right."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from apps.core.actor import Actor
from apps.core.admin import DialogForm, dialog_action
from apps.events import services
from apps.events.models import URL_LENGTH
from apps.events.services.entering import EDITABLE_FIELDS

CHANGE = "events.change_event"


class EventForm(DialogForm):
    org = forms.CharField(label=_("organisation"), max_length=32, initial="UFC")
    name = forms.CharField(label=pgettext_lazy("sports", "event"), max_length=255)
    starts_at = forms.DateTimeField(label=_("starts at"), widget=forms.TextInput)
    venue = forms.CharField(label=_("venue"), max_length=255, required=False)
    poster_url = forms.CharField(label=_("poster"), max_length=URL_LENGTH, required=False)
    promo_video_url = forms.CharField(label=_("promotion video"), max_length=URL_LENGTH, required=False)
    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, obj: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, obj=obj, **kwargs)
        begins = self.fields["starts_at"]
        begins.widget.input_type = "datetime-local"
        begins.help_text = _("Time zone: %(zone)s") % {"zone": f"{settings.TIME_ZONE} (UTC{timezone.localtime():%z})"}
        if obj is None:
            del self.fields["version"]
            return
        for field in (*EDITABLE_FIELDS, "version"):
            self.fields[field].initial = getattr(obj, field)
        begins.initial = f"{timezone.localtime(obj.starts_at):%Y-%m-%dT%H:%M}"


class DayForm(DialogForm):
    day = forms.DateField(label=_("day"), widget=forms.TextInput)

    def __init__(self, *args: Any, obj: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, obj=obj, **kwargs)
        self.fields["day"].widget.input_type = "date"
        self.fields["day"].initial = f"{services.provider_day(timezone.now()):%Y-%m-%d}"


class EnteringActions:
    """The dialogs, mixed into the admin of events."""

    @dialog_action(
        description=_("Take over announced cards"),
        permission=CHANGE,
        form=DayForm,
        icon="playlist_add",
        confirm=_("Asks the live provider for the events of a day and brings in those, and bouts, that are not here."),
    )
    def take_cards(self, request: HttpRequest, obj: Any, form: Any) -> Any:
        task_id = services.request_cards(form.cleaned_data["day"], actor=Actor.of_user(request.user))
        return format_html(
            '{} <a class="bjz-link" href="{}">{}</a>',
            _("The provider is being asked."),
            f"{reverse('admin:taskhub_task_changelist')}?q={task_id}",
            _("Follow it"),
        )

    @dialog_action(description=_("Enter an event"), permission=CHANGE, form=EventForm, icon="add")
    def enter(self, request: HttpRequest, obj: Any, form: Any) -> Any:
        event = services.enter_event(actor=Actor.of_user(request.user), **_words(form))
        return _("%(name)s has been entered; its bouts are added in the editor.") % {"name": event.name}

    @dialog_action(
        description=_("Edit name, time and place"),
        permission=CHANGE,
        form=EventForm,
        icon="edit",
        confirm=_("What you change here is no longer overwritten by imports."),
    )
    def edit_details(self, request: HttpRequest, obj: Any, form: Any) -> Any:
        event = services.edit_event(
            obj.pk,
            actor=Actor.of_user(request.user),
            expected_version=form.cleaned_data["version"],
            **{field: value for field, value in _words(form).items() if field in form.changed_data},
        )
        return _("%(name)s has been changed.") % {"name": event.name}


def _words(form: Any) -> dict[str, Any]:
    return {field: form.cleaned_data[field] for field in EDITABLE_FIELDS}
