"""What is asked in the dialogs of a fighter's page, and the form of the page itself."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from apps.core.admin import DialogForm
from apps.fighters.models import Fighter
from apps.fighters.services import provenance

SEEN_VERSION = "seen_version"


class UpdateForm(DialogForm):
    content = forms.CharField(label=_("content"), max_length=5000, widget=forms.Textarea(attrs={"rows": 4}))


class SpellingForm(DialogForm):
    name = forms.CharField(label=_("other spelling"), max_length=128)


class PhotoForm(DialogForm):
    url = forms.CharField(label=_("address"), max_length=512)
    caption = forms.CharField(label=_("caption"), max_length=255, required=False)
    credit = forms.CharField(label=_("credit"), max_length=128, required=False)


class OneOfForm(DialogForm):
    """Something of the fighter's that is chosen from a list."""

    def offer(self, field: str, choices: list[tuple[Any, str]]) -> None:
        self.fields[field].choices = choices
        self.fields[field].widget.choices = choices


class ReleaseForm(OneOfForm):
    field = forms.ChoiceField(label=_("field"))

    def __init__(self, *args: Any, obj: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, obj=obj, **kwargs)
        held = provenance.locked_fields(obj) if obj is not None else {}
        self.offer(
            "field",
            [(name, f"{Fighter._meta.get_field(name).verbose_name} ({by})") for name, by in sorted(held.items())],  # type: ignore[union-attr]
        )


class RemoveSpellingForm(OneOfForm):
    alias = forms.ChoiceField(label=_("other spelling"))

    def __init__(self, *args: Any, obj: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, obj=obj, **kwargs)
        aliases = obj.aliases.order_by("name") if obj is not None else []
        self.offer(
            "alias", [(alias.pk, f"{alias.name} ({alias.source})" if alias.source else alias.name) for alias in aliases]
        )


class RemovePhotoForm(OneOfForm):
    photo = forms.ChoiceField(label=pgettext_lazy("fighter", "photo"))

    def __init__(self, *args: Any, obj: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, obj=obj, **kwargs)
        photos = obj.media.order_by("id") if obj is not None else []
        self.offer("photo", [(photo.pk, " · ".join(filter(None, (photo.caption, photo.url)))) for photo in photos])


class FighterForm(forms.ModelForm):
    """With the version that the person saw: who edits an older one is told, and overwrites nothing."""

    seen_version = forms.IntegerField(label="", widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is None:
            self.fields.pop(SEEN_VERSION, None)
        elif SEEN_VERSION in self.fields:
            self.fields[SEEN_VERSION].initial = self.instance.version
