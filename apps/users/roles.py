"""Who of the staff may do what: the one table role × permission (decision 10).

A role is a Django group of the same name.  Groups follow this table after every ``migrate``: what the table gives is
added, what it does not give is taken away; groups of other names are left alone.  Change the table, not the groups.
``docs/roles.md`` is this table in words (``manage.py roles``).
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


class Role(enum.StrEnum):
    EDITOR = "editor"
    OPERATOR = "operator"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


LABELS: dict[Role, _StrPromise] = {
    Role.EDITOR: _("Editor"),
    Role.OPERATOR: _("Operator"),
    Role.AUDITOR: _("Auditor"),
    Role.ADMINISTRATOR: _("Administrator"),
}

_E, _O, _AU, _AD = Role.EDITOR, Role.OPERATOR, Role.AUDITOR, Role.ADMINISTRATOR

# One line per permission: the roles that hold it.
PERMISSIONS: dict[str, frozenset[Role]] = {
    # content
    "articles.view_source": frozenset({_E, _O, _AU, _AD}),
    "articles.add_source": frozenset({_E, _AD}),
    "articles.change_source": frozenset({_E, _AD}),
    "articles.fetch_source": frozenset({_E, _O, _AD}),
    "articles.view_ingestrun": frozenset({_E, _O, _AU, _AD}),
    "articles.view_ingestrunerror": frozenset({_E, _O, _AU, _AD}),
    "articles.view_pendingrevision": frozenset({_E, _AU, _AD}),
    "articles.view_pendingarticle": frozenset({_E, _AU, _AD}),
    "articles.review_pendingarticle": frozenset({_E, _AD}),
    "articles.view_article": frozenset({_E, _AU, _AD}),
    "articles.change_article": frozenset({_E, _AD}),
    "articles.view_takedown": frozenset({_E, _AU, _AD}),
    # events and fighters
    "fighters.view_fighter": frozenset({_E, _O, _AU, _AD}),
    "fighters.change_fighter": frozenset({_E, _AD}),
    "fighters.view_fighterupdate": frozenset({_E, _O, _AU, _AD}),
    "fighters.change_fighterupdate": frozenset({_E, _AD}),
    "fighters.merge_fighter": frozenset({_E, _AD}),
    "fighters.view_unmatchedname": frozenset({_E, _O, _AU, _AD}),
    "fighters.change_unmatchedname": frozenset({_E, _AD}),
    "fighters.view_fightermerge": frozenset({_E, _O, _AU, _AD}),
    "fighters.view_ranking": frozenset({_E, _O, _AU, _AD}),
    "fighters.view_refusedchange": frozenset({_E, _O, _AU, _AD}),
    "fighters.change_refusedchange": frozenset({_E, _AD}),
    "fighters.view_importrun": frozenset({_E, _O, _AU, _AD}),
    "fighters.add_importrun": frozenset({_E, _AD}),
    "events.view_event": frozenset({_E, _O, _AU, _AD}),
    "events.change_event": frozenset({_E, _AD}),
    # Whoever works a card by hand when the feed is dead begins and ends its evening too.
    "events.run_event": frozenset({_E, _O, _AD}),
    "events.view_bout": frozenset({_E, _O, _AU, _AD}),
    "events.change_bout": frozenset({_E, _AD}),
    "events.run_bout": frozenset({_E, _O, _AD}),
    # orders and users
    "orders.view_order": frozenset({_O, _AU, _AD}),
    "orders.add_order": frozenset({_O, _AD}),
    "orders.change_order": frozenset({_O, _AD}),
    "orders.export_order": frozenset({_O, _AU, _AD}),
    "orders.delete_order": frozenset({_AD}),
    "orders.view_simcard": frozenset({_O, _AU, _AD}),
    "orders.change_simcard": frozenset({_O, _AD}),
    "orders.sync_simcard": frozenset({_O, _AD}),
    "orders.view_simusage": frozenset({_O, _AU, _AD}),
    "users.view_user": frozenset({_O, _AU, _AD}),
    "users.change_user": frozenset({_AD}),
    "users.delete_user": frozenset({_AD}),
    "users.view_email": frozenset({_O, _AU, _AD}),
    "users.send_email": frozenset({_O, _AD}),
    # tasks and schedules
    "taskhub.view_task": frozenset({_E, _O, _AU, _AD}),
    "taskhub.view_worker": frozenset({_O, _AU, _AD}),
    "taskhub.retry_task": frozenset({_O, _AD}),
    "taskhub.cancel_task": frozenset({_O, _AD}),
    "taskhub.purge_queue": frozenset({_AD}),
    "scheduler.view_scheduledtask": frozenset({_E, _O, _AU, _AD}),
    "scheduler.view_taskexecution": frozenset({_E, _O, _AU, _AD}),
    "scheduler.trigger_scheduledtask": frozenset({_O, _AD}),
    "scheduler.configure_scheduledtask": frozenset({_O, _AD}),
    # audit
    "audit.view_auditevent": frozenset({_AU, _AD}),
    "audit.configure_audit": frozenset({_AD}),
}


def permissions_of(role: Role) -> frozenset[str]:
    return frozenset(permission for permission, roles in PERMISSIONS.items() if role in roles)


def as_markdown() -> str:
    """The table for docs/roles.md."""
    names = {Role.EDITOR: "编辑", Role.OPERATOR: "运维", Role.AUDITOR: "审计", Role.ADMINISTRATOR: "管理员"}
    lines = [
        "# 角色与权限",
        "",
        "本文件由 `manage.py roles --write` 生成，请勿手工修改；权限表见 `apps/users/roles.py`。",
        "",
        "超级用户（superuser）拥有全部权限。普通用户没有角色，只能看到和修改自己的数据。",
        "",
        "| 权限 | " + " | ".join(f"{names[role]} {role}" for role in Role) + " |",
        "| --- |" + " :---: |" * len(Role),
    ]
    for permission, roles in PERMISSIONS.items():
        marks = " | ".join("✓" if role in roles else "" for role in Role)
        lines.append(f"| `{permission}` | {marks} |")
    return "\n".join(lines) + "\n"
