"""Forms of the dialogs on pieces and articles.  Each carries the version that the person saw."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.articles.admin.versions import compared, seen_of
from apps.articles.models import TITLE_LENGTH, RejectReason
from apps.articles.services.review import REASON_LENGTH
from apps.articles.services.wording import NOTICE_LENGTH, SUMMARY_LENGTH
from apps.core.admin import DialogForm


def whole_number(text: str) -> int | None:
    """What a form or an address sent as the number of a row; None for anything else, "²" included."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else None


def zone_name() -> str:
    """The zone of the back-office with its present offset: times without a zone are read so."""
    return f"{settings.TIME_ZONE} (UTC{timezone.localtime():%z})"


class VersionForm(DialogForm):
    """A row changed in the meantime is not acted on blindly: the dialog shows both versions."""

    version = forms.IntegerField(widget=forms.HiddenInput)
    seen = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, obj: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, obj=obj, **kwargs)
        self._both = ""
        if obj is not None:
            self.fields["version"].initial, self.fields["seen"].initial = obj.version, seen_of(obj)

    def meets_newer(self) -> bool:
        now: Any = type(self.obj)._default_manager.filter(pk=self.obj.pk).first() if self.obj is not None else None
        if now is None:
            return False
        given = self.cleaned_data
        context = {
            "fields": compared(now, given["seen"], given),
            "seen_version": given["version"],
            "version": now.version,
        }
        self._both = render_to_string("articles/both_versions.html", context)
        sent: Any = self.request.POST.copy()
        sent["version"], sent["seen"] = str(now.version), seen_of(now)
        self.data = sent
        return True

    def render_before_template(self) -> str:
        return self._both or str(super().render_before_template())


class WordsForm(VersionForm):
    title = forms.CharField(label=_("title"), max_length=TITLE_LENGTH)
    summary = forms.CharField(
        label=_("summary"), max_length=SUMMARY_LENGTH, required=False, widget=forms.Textarea(attrs={"rows": 5})
    )

    def __init__(self, *args: Any, obj: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, obj=obj, **kwargs)
        if obj is not None:
            self.fields["title"].initial, self.fields["summary"].initial = obj.title, obj.summary


class TimeForm(VersionForm):
    """A time in the zone of the back-office, which stands beside the field."""

    publish_at = forms.DateTimeField(label=_("publish at"), widget=forms.TextInput)

    def __init__(self, *args: Any, obj: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, obj=obj, **kwargs)
        field = self.fields["publish_at"]
        field.widget.input_type = "datetime-local"
        planned = getattr(obj, "publish_at", None)
        if planned is not None:
            # As the browser's field wants it, in the zone that stands beside it.
            field.initial = f"{timezone.localtime(planned):%Y-%m-%dT%H:%M}"
        field.help_text = _("Time zone: %(zone)s") % {"zone": zone_name()}


class EditAndApproveForm(WordsForm, TimeForm):
    def __init__(self, *args: Any, obj: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, obj=obj, **kwargs)
        self.fields["publish_at"].required = False
        self.fields["publish_at"].label = _("publish at (empty: at once)")


class ReasonMixin(forms.Form):
    reason_code = forms.ChoiceField(
        label=_("kind of reason"), choices=RejectReason.choices, initial=RejectReason.OTHER, required=False
    )
    reason = forms.CharField(
        label=_("reason"), max_length=REASON_LENGTH, required=False, widget=forms.Textarea(attrs={"rows": 3})
    )

    def clean(self) -> dict[str, Any]:
        """As the service says, told before it is asked: the form stays open with what was typed."""
        given: dict[str, Any] = super().clean() or self.cleaned_data
        if given.get("reason_code") in {"", RejectReason.OTHER} and not given.get("reason", "").strip():
            self.add_error("reason", _("Say why the piece is rejected."))
        return given


class RejectForm(VersionForm, ReasonMixin):
    """The service says when words are needed."""


class ManyForm(DialogForm):
    """The page that asks once more before many pieces are decided on."""


class RejectManyForm(ManyForm, ReasonMixin):
    pass


class CorrectForm(WordsForm):
    notice = forms.CharField(
        label=_("notice to readers"), max_length=NOTICE_LENGTH, widget=forms.Textarea(attrs={"rows": 2})
    )


class RetractForm(VersionForm):
    notice = forms.CharField(
        label=_("notice to readers"), max_length=NOTICE_LENGTH, widget=forms.Textarea(attrs={"rows": 3})
    )


class OfflineForm(VersionForm):
    reason = forms.CharField(label=_("reason"), max_length=NOTICE_LENGTH, widget=forms.Textarea(attrs={"rows": 3}))


class ComplaintForm(DialogForm):
    reason = forms.CharField(label=_("reason"), max_length=NOTICE_LENGTH, widget=forms.Textarea(attrs={"rows": 3}))
    complainant = forms.CharField(label=_("complainant"), max_length=128, required=False)
    evidence_url = forms.CharField(label=_("evidence"), max_length=512, required=False)


class DeskForm(forms.Form):
    """What the review desk sends with a decision.  Empty words leave those of the piece."""

    version = forms.IntegerField(min_value=1)
    title = forms.CharField(required=False, strip=False)
    summary = forms.CharField(required=False, strip=False)
    publish_at = forms.DateTimeField(required=False)
    reason_code = forms.CharField(required=False)
    reason = forms.CharField(required=False)
    seen_title = forms.CharField(required=False, strip=False)
    seen_summary = forms.CharField(required=False, strip=False)
