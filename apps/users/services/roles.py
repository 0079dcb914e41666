"""Groups follow the table of roles."""

from __future__ import annotations

import structlog
from django.contrib.auth.models import Group, Permission
from django.db import transaction

from apps.users.roles import PERMISSIONS, Role

log = structlog.get_logger(__name__)


def follow_role_table(app_label: str, *, using: str = "default") -> None:
    """Give every role group exactly the permissions of one app that the table gives it.  Safe to repeat.

    One app at a time, because the permissions of an app exist only after its own ``post_migrate``.  A permission
    that the table names and no model declares is logged, and a test refuses it.
    """
    wanted = {name for name in PERMISSIONS if name.startswith(f"{app_label}.")}
    permissions = {
        f"{app_label}.{permission.codename}": permission
        for permission in Permission.objects.using(using).filter(content_type__app_label=app_label)
    }
    if not permissions:
        return
    if missing := sorted(wanted - permissions.keys()):
        log.warning("role_table_names_unknown_permission", permissions=missing)
    with transaction.atomic(using=using):
        for role in Role:
            _set_permissions(role, permissions, using=using)


def _set_permissions(role: Role, permissions: dict[str, Permission], *, using: str) -> None:
    group, _created = Group.objects.using(using).get_or_create(name=role.value)
    held = set(group.permissions.filter(pk__in=[permission.pk for permission in permissions.values()]))
    due = {permission for name, permission in permissions.items() if role in PERMISSIONS.get(name, frozenset())}
    if held - due:
        group.permissions.remove(*(held - due))
    if due - held:
        group.permissions.add(*(due - held))
