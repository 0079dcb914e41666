"""Events in words, in the language of whoever reads."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.audit.enums import Action, Status
from apps.audit.errors import UnknownResource
from apps.audit.models import AuditEvent
from apps.audit.registry import resources
from apps.core.actor import ActorKind

# Where "<actor> <action> <thing>" would read wrong.
_OWN_SENTENCES = {
    Action.LOGIN: gettext_lazy("%(actor)s signed in"),
    Action.LOGOUT: gettext_lazy("%(actor)s signed out"),
    Action.LOGIN_FAILED: gettext_lazy("Sign-in as “%(label)s” failed"),
    Action.PASSWORD_CHANGED: gettext_lazy("%(actor)s changed the password of %(type)s “%(label)s”"),
    Action.DENIED: gettext_lazy("%(actor)s was refused access to %(type)s “%(label)s”"),
}
_SAYS_THAT_IT_FAILED = {Action.LOGIN_FAILED, Action.DENIED}


def sentence(event: AuditEvent) -> str:
    """ "alice approved article “Title fight”"."""
    action = action_of(event)
    template = _OWN_SENTENCES.get(action) if action else None
    parts = {
        "actor": actor_name(event),
        "action": action.label if action else event.action,
        "type": type_label(event.resource_type),
        "label": event.resource_label or event.resource_id,
    }
    text = str(template) % parts if template else _("%(actor)s %(action)s %(type)s “%(label)s”") % parts
    if event.status == Status.FAILED and action not in _SAYS_THAT_IT_FAILED:
        return _("Failed: %(sentence)s") % {"sentence": text}
    return text


def action_of(event: AuditEvent) -> Action | None:
    """None for a word that a later version of the product wrote."""
    return Action(event.action) if event.action in Action.values else None


def action_label(event: AuditEvent) -> str:
    action = action_of(event)
    return str(action.label) if action else event.action


def actor_name(event: AuditEvent) -> str:
    if event.actor_kind == ActorKind.SYSTEM:
        return _("the system")
    if event.actor_kind == ActorKind.ANONYMOUS:
        return _("somebody unknown")
    return event.actor_label


def type_label(resource_type: str) -> str:
    """The name of a kind of thing; the type itself when its app is gone."""
    try:
        return str(resources.of_type(resource_type).resource.label or resource_type)
    except UnknownResource:
        return resource_type


def type_choices() -> list[tuple[str, str]]:
    return sorted((bound.type, type_label(bound.type)) for bound in resources.all())
