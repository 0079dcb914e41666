"""The dialogs of a schedule."""

from __future__ import annotations

import uuid
from typing import Any

import orjson
from django import forms
from django.utils.translation import gettext_lazy as _

from apps.core.admin import DialogForm
from apps.scheduler.enums import CatchUp, Overlap
from apps.scheduler.services import Changes, arguments
from apps.scheduler.services.rules import cron_text
from apps.scheduler.services.schedules import POLICY_FIELDS, REASON_LENGTH


class ReasonForm(DialogForm):
    reason = forms.CharField(label=_("Reason"), required=False, max_length=REASON_LENGTH)


class RunNowForm(ReasonForm):
    """``nonce`` is made when the dialog opens: a double click is one run."""

    override = forms.CharField(
        label=_("Arguments for this run"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("JSON object; replaces arguments of the same name for this run only. Empty: as always."),
    )
    nonce = forms.CharField(widget=forms.HiddenInput, initial=lambda: uuid.uuid4().hex, max_length=64)
    field_order = ("reason", "override", "nonce")


class ConfigureForm(ReasonForm):
    """Rule, arguments and policies as they are now, to be changed."""

    cron = forms.CharField(
        label=_("Cron rule"),
        help_text=_(
            "Minute, hour, day of month, month, day of week. With both day fields set, either of them is enough."
        ),
    )
    time_zone = forms.CharField(label=_("Time zone"), help_text=_("Such as Asia/Shanghai"))
    arguments = forms.CharField(label=_("Arguments"), required=False, widget=forms.Textarea(attrs={"rows": 3}))
    overlap = forms.ChoiceField(label=_("While a run is going on"), choices=Overlap.choices)
    max_concurrent = forms.IntegerField(label=_("Runs at a time"), min_value=1)
    catch_up = forms.ChoiceField(label=_("After a standstill"), choices=CatchUp.choices)
    catch_up_window_seconds = forms.IntegerField(label=_("Catch up for (s)"), min_value=0)
    max_duration_seconds = forms.IntegerField(label=_("Time limit (s)"), min_value=1)
    timeout_grace_period = forms.IntegerField(label=_("Grace period (s)"), min_value=0)
    max_retries = forms.IntegerField(label=_("Retries"), min_value=0, max_value=100)
    priority = forms.IntegerField(label=_("Priority"), help_text=_("A larger one starts first."))
    field_order = (
        "cron", "time_zone", "arguments", "overlap", "max_concurrent", "catch_up", "catch_up_window_seconds",
        "max_duration_seconds", "timeout_grace_period", "max_retries", "priority", "reason",
    )  # fmt: skip

    def __init__(self, *args: Any, obj: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, obj=obj, **kwargs)
        definition = obj.definition
        for name in self.fields.keys() & set(POLICY_FIELDS):
            self.initial[name] = getattr(obj, name)
        self.initial["arguments"] = definition.kwargs
        if definition.crontab is None:
            del self.fields["cron"], self.fields["time_zone"]
        else:
            self.initial["cron"] = cron_text(definition.crontab)
            self.initial["time_zone"] = obj.zone_name

    def changes(self) -> Changes:
        """What differs from the form as it was drawn.  Raises Invalid for arguments that are no JSON object."""
        given = {name: self.cleaned_data[name] for name in self.changed_data if name in Changes.__slots__}
        if "arguments" in given:
            given["arguments"] = arguments.parse(given["arguments"], field="arguments")
        return Changes(**given)


def pretty(text: str) -> Any:
    """JSON text as a value to be shown; as it is when it is none."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
