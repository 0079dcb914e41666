"""Locked values of an event or a bout: which, by whom, and the dialog that gives them back to the sources."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from apps.core.actor import Actor
from apps.core.admin import DialogForm, dialog_action
from apps.events.services import releasing
from apps.fighters.services import provenance


class ReleaseForm(DialogForm):
    field = forms.ChoiceField(label=_("field"))
    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, obj: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, obj=obj, **kwargs)
        choices = _held(obj) if obj is not None else []
        field: Any = self.fields["field"]
        field.choices = field.widget.choices = choices
        self.fields["version"].initial = getattr(obj, "version", None)


def _held(row: Any) -> list[tuple[str, str]]:
    held = sorted(provenance.locked_fields(row).items())
    return [(name, f"{releasing.name_of(row, name)} ({by})") for name, by in held]


class LockedFields:
    """Mixed into the admin of both."""

    @admin.display(description=_("locked by people"))
    def locks(self, row: Any) -> str:
        return ", ".join(told for _name, told in _held(row)) or "–"


class EventReleasing(LockedFields):
    @dialog_action(
        description=_("Release field"),
        permission="events.change_event",
        form=ReleaseForm,
        icon="lock_open",
        confirm=_("The next import may overwrite the field."),
        applies=lambda event: bool(provenance.locked_fields(event)),
    )
    def release(self, request: HttpRequest, obj: Any, form: Any) -> Any:
        return _carry_out(releasing.release_event_fields, request, obj, form)


class BoutReleasing(LockedFields):
    @dialog_action(
        description=_("Release field"),
        permission="events.change_bout",
        form=ReleaseForm,
        icon="lock_open",
        confirm=_("The next import may overwrite the field; of a result, all of it."),
        applies=lambda bout: bool(provenance.locked_fields(bout)) and not bout.is_void,
    )
    def release(self, request: HttpRequest, obj: Any, form: Any) -> Any:
        return _carry_out(releasing.release_bout_fields, request, obj, form)


def _carry_out(release: Any, request: HttpRequest, row: Any, form: Any) -> Any:
    sent = form.cleaned_data
    release(row.pk, [sent["field"]], actor=Actor.of_user(request.user), expected_version=sent["version"])
    return _("The field follows its sources again.")
