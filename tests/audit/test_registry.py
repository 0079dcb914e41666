"""What is audited is declared at start, completely and once."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group
from django.core.exceptions import FieldDoesNotExist

from apps.audit.errors import AuditUsageError, DuplicateResource, RegistryClosed, UnknownResource
from apps.audit.registry import Resource, ResourceRegistry, register, resources


def test_the_products_register_is_closed_after_start() -> None:
    assert resources.closed is True
    with pytest.raises(RegistryClosed):
        register(Resource(type="late"))
    with pytest.raises(UnknownResource):
        resources.of_type("late")


def test_a_type_or_a_model_can_be_registered_only_once() -> None:
    registry = ResourceRegistry()
    registry.register(Resource(type="group", model="auth.Group"))

    with pytest.raises(DuplicateResource):
        registry.register(Resource(type="group"))
    with pytest.raises(DuplicateResource):
        registry.register(Resource(type="team", model="auth.Group"))

    registry.close()
    assert [bound.type for bound in registry.all()] == ["group"]


def test_two_resources_without_a_model_are_fine() -> None:
    registry = ResourceRegistry()
    registry.register(Resource(type="report"))
    registry.register(Resource(type="queue"))

    registry.close()

    assert [bound.type for bound in registry.all()] == ["report", "queue"]


@pytest.mark.parametrize(
    ("resource", "error"),
    [
        (Resource(type="ghost", model="auth.Ghost"), LookupError),
        (Resource(type="group", model="auth.Group", fields=("ghost",)), FieldDoesNotExist),
        (Resource(type="group", model="auth.Group", fields=("permissions",)), FieldDoesNotExist),
        (Resource(type="group", model="auth.Group", fields=("id",), redact=("name",)), AuditUsageError),
    ],
)
def test_a_wrong_declaration_ends_the_start(resource: Resource, error: type[Exception]) -> None:
    registry = ResourceRegistry()
    registry.register(resource)

    with pytest.raises(error):
        registry.close()


def test_a_foreign_key_is_read_from_its_own_column() -> None:
    registry = ResourceRegistry()
    registry.register(Resource(type="permission", model="auth.Permission", fields=("content_type",)))

    registry.close()

    assert registry.of_type("permission").columns == (("content_type", "content_type_id"),)


def test_a_temporary_resource_is_gone_after_the_block() -> None:
    with resources.temporarily(Resource(type="testGroup", model="auth.Group")) as bound:
        assert resources.of_instance(Group()) is bound

    with pytest.raises(UnknownResource):
        resources.of_type("testGroup")
