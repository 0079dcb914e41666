"""The table of roles, and the groups that follow it."""

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command

from apps.users.roles import PERMISSIONS, Role, as_markdown, permissions_of
from apps.users.services.roles import follow_role_table
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db


def held_by(role: Role) -> set[str]:
    return {
        f"{app}.{codename}"
        for app, codename in Group.objects.get(name=role).permissions.values_list("content_type__app_label", "codename")
    }


def existing() -> set[str]:
    return {f"{p.content_type.app_label}.{p.codename}" for p in Permission.objects.select_related("content_type")}


@pytest.mark.parametrize("role", list(Role))
def test_group_holds_exactly_what_the_table_gives(role):
    assert held_by(role) == permissions_of(role)


def test_table_names_only_permissions_that_exist():
    assert set(PERMISSIONS) - existing() == set()


def test_every_permission_that_a_model_declares_stands_in_the_table():
    declared = {
        f"{model._meta.app_label}.{codename}" for model in apps.get_models() for codename, _ in model._meta.permissions
    }

    assert {name for name in declared if apps.get_app_config(name.split(".")[0]).name.startswith("apps.")} <= set(
        PERMISSIONS
    )


def test_administrator_holds_everything_and_auditor_only_reads_and_exports():
    assert permissions_of(Role.ADMINISTRATOR) == set(PERMISSIONS)
    assert {name.split(".")[1].split("_")[0] for name in permissions_of(Role.AUDITOR)} == {"view", "export"}


def test_following_takes_away_what_the_table_does_not_give_and_is_safe_to_repeat(django_assert_max_num_queries):
    editors, others = Group.objects.get(name=Role.EDITOR), Group.objects.create(name="friends")
    foreign = Permission.objects.get(codename="change_user")
    editors.permissions.add(foreign)
    others.permissions.add(foreign)
    editors.permissions.remove(Permission.objects.get(codename="view_fighter"))

    for app in ("users", "fighters", "users", "fighters"):
        follow_role_table(app)

    assert held_by(Role.EDITOR) == permissions_of(Role.EDITOR)
    assert list(others.permissions.all()) == [foreign]


def test_document_is_the_table_as_it_is():
    path = settings.BASE_DIR / "docs" / "roles.md"

    assert path.read_text(encoding="utf-8") == as_markdown(), "run manage.py roles --write"
    call_command("roles", check=True)


def test_role_gives_its_rights_and_staff_without_role_has_none():
    editor, nobody = UserFactory(role="editor"), UserFactory(is_staff=True)

    assert set(editor.get_all_permissions()) == permissions_of(Role.EDITOR)
    assert nobody.get_all_permissions() == set()
