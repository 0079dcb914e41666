"""The form of a source: only what the person changed is saved, and nothing over a change of somebody else.

Polls write to sources too: an address that moved for good, a feed that is gone.  The form carries what it showed of
every field in one hidden one; it only ever comes back to the person who sent it, escaped.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import orjson
from django import forms
from django.utils.translation import gettext as _

from apps.articles import services
from apps.articles.models import Source
from apps.core.admin.display import exact

SEEN = "seen"


class SourceForm(forms.ModelForm):
    seen = forms.CharField(label="", widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # As the page was drawn or, when it comes back, as the row is before the form writes into it.
        self.stood = {name: getattr(self.instance, name) for name in self._editable()}
        if SEEN in self.fields:
            self.fields[SEEN].initial = _as_text(self.stood)

    def _editable(self) -> list[str]:
        return [name for name in self.fields if name in services.EDITABLE_FIELDS]

    @property
    def given(self) -> dict[str, Any]:
        """What the person changed; of a new source everything."""
        values = {name: self.cleaned_data[name] for name in self._editable() if name in self.cleaned_data}
        if self.instance.pk is None:
            return values
        seen = _parsed(self.cleaned_data.get(SEEN, ""))
        return {name: value for name, value in values.items() if name not in seen or seen[name] != _plain(value)}

    def clean(self) -> dict[str, Any] | None:
        cleaned: dict[str, Any] | None = super().clean()
        if self.instance.pk is not None:
            self._refuse_stale()
        return cleaned

    def _refuse_stale(self) -> None:
        """Each field that the person changed and somebody else too, with what stands there now; sent once more it is
        sent on that."""
        seen = _parsed(self.cleaned_data.get(SEEN, ""))
        now = {name: _plain(value) for name, value in self.stood.items()}
        given = self.given
        stale = [name for name in given if now[name] not in (seen.get(name, _UNSEEN), _plain(given[name]))]
        for name in stale:
            told = _("Changed meanwhile, it is now: %(value)s. Save again to put yours in its place.")
            self.add_error(name, told % {"value": self._told(name)})
        if stale:
            posted: Any = self.data
            sent = posted.copy()
            sent[self.add_prefix(SEEN)] = _as_text(seen | {name: now[name] for name in stale})
            self.data = sent

    def _told(self, name: str) -> str:
        value = self.stood[name]
        if isinstance(value, bool):
            return _("Yes") if value else _("No")
        if isinstance(value, dt.datetime):
            return exact(value)
        field = Source._meta.get_field(name)
        choices = dict(getattr(field, "flatchoices", None) or ())
        return str(choices.get(value, value) or "–")


# No value of any field: what was not sent was not seen.
_UNSEEN = object()


def _as_text(values: Mapping[str, Any]) -> str:
    return orjson.dumps({name: _plain(value) for name, value in values.items()}).decode()


def _plain(value: Any) -> Any:
    """As it is after the way through the page; a time to the second, as fields show it."""
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).replace(microsecond=0).isoformat()
    return value


def _parsed(text: str) -> dict[str, Any]:
    try:
        values = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return values if isinstance(values, dict) else {}
