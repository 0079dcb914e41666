"""What the pages of users share."""

from __future__ import annotations

import re

from django import forms
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.audit.enums import Action
from apps.audit.services.story import StoryLine
from apps.core.admin import DialogForm, chip

# In this order: Edge and Chrome also call themselves Safari, an Android phone also Linux.
_BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari"))
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)
_PRODUCT = re.compile(r"[\w.+-]{1,40}(/[\w.+-]{1,20})?", re.ASCII)


class ReasonForm(DialogForm):
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=500, widget=forms.Textarea(attrs={"rows": 2}))


def device(user_agent: str) -> str:
    """What people call it: "Chrome · Windows".  Of other programs the name that they give themselves."""
    browser = next((name for mark, name in _BROWSERS if f"{mark}/" in user_agent), "")
    if user_agent.startswith("Mozilla/") and browser:
        system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
        return " · ".join(filter(None, (browser, system)))
    product = _PRODUCT.match(user_agent)
    return product.group() if product else _("unknown device")


def sign_in_chip(event: StoryLine) -> SafeString:
    action = Action(event.action)
    if action is Action.PASSWORD_CHANGED:
        # The log's own word for it goes on with a name.
        return chip(_("password changed"), "warning")
    tone = {Action.LOGIN: "success", Action.LOGIN_FAILED: "danger"}.get(action, "neutral")
    return chip(action.label, tone)
