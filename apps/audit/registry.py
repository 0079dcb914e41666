"""What is audited.  Each app says it in ``audit_resources.py``; after start-up the register is closed.

    register(Resource(type="article", model="articles.Article", fields=("title", "status"), label=_("article")))

``type`` is the wire name.  ``fields`` are recorded by ``snapshot``; those in ``redact`` are recorded as "changed" or
"not changed", never with their value.  A resource without ``model`` (a report, a queue) is named by a ResourceRef.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.utils.functional import Promise

from apps.audit.errors import AuditUsageError, DuplicateResource, RegistryClosed, UnknownResource


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of thing that people act on."""

    type: str
    model: str = ""
    fields: tuple[str, ...] = ()
    redact: tuple[str, ...] = ()
    label: str | Promise = ""


@dataclass(frozen=True, slots=True)
class ResourceRef:
    """A thing that is not at hand as a model instance: its type, id and a label for people."""

    type: str
    id: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class BoundResource:
    """A resource with its model class; ``columns`` pairs each field's name with the attribute that holds its value."""

    resource: Resource
    model: type[models.Model] | None
    columns: tuple[tuple[str, str], ...]
    hidden: frozenset[str]

    @property
    def type(self) -> str:
        return self.resource.type


@dataclass(slots=True)
class ResourceRegistry:
    """Filled by ``autodiscover_modules`` in ``AuditConfig.ready``, then closed."""

    closed: bool = False
    _declared: dict[str, Resource] = field(default_factory=dict)
    _by_type: dict[str, BoundResource] = field(default_factory=dict)
    _by_model: dict[type[models.Model], BoundResource] = field(default_factory=dict)

    def register(self, resource: Resource) -> Resource:
        """Declare a resource.  Raises RegistryClosed or DuplicateResource."""
        if self.closed:
            raise RegistryClosed(f"audit resource {resource.type!r} comes after start-up")
        taken = {other.model for other in self._declared.values() if other.model}
        if resource.type in self._declared or resource.model in taken:
            raise DuplicateResource(f"audit resource {resource.type!r} or its model is registered twice")
        self._declared[resource.type] = resource
        return resource

    def close(self) -> None:
        """Look up every model and field (a wrong name raises here, at start) and take no more declarations."""
        for resource in self._declared.values():
            self._bind(resource)
        self.closed = True

    def of_type(self, resource_type: str) -> BoundResource:
        """Raises UnknownResource."""
        try:
            return self._by_type[resource_type]
        except KeyError:
            raise UnknownResource(f"no audit_resources.py declares {resource_type!r}") from None

    def of_instance(self, instance: models.Model) -> BoundResource:
        """Raises UnknownResource."""
        bound = self._by_model.get(type(instance)) or self._by_model.get(
            instance._meta.concrete_model or type(instance)
        )
        if bound is None:
            raise UnknownResource(f"no audit_resources.py declares {instance._meta.label}")
        return bound

    def all(self) -> list[BoundResource]:
        return list(self._by_type.values())

    @contextmanager
    def temporarily(self, resource: Resource) -> Iterator[BoundResource]:
        """A resource for the length of a block: for tests and measurements of models that are not the product's."""
        before = dict(self._by_type), dict(self._by_model)
        try:
            yield self._bind(resource)
        finally:
            self._by_type, self._by_model = before

    def _bind(self, resource: Resource) -> BoundResource:
        if not set(resource.redact) <= set(resource.fields):
            raise AuditUsageError(f"audit resource {resource.type!r} redacts fields that it does not record")
        model = apps.get_model(resource.model) if resource.model else None
        bound = BoundResource(
            resource=resource,
            model=model,
            columns=tuple((name, _attribute(model, name)) for name in resource.fields) if model else (),
            hidden=frozenset(resource.redact),
        )
        self._by_type[resource.type] = bound
        if model is not None:
            self._by_model[model] = bound
        return bound


def _attribute(model: type[models.Model], name: str) -> str:
    """Where an instance keeps the field's own value: ``source_id`` for ``source``, so that no row is fetched."""
    declared: Any = model._meta.get_field(name)
    if not isinstance(declared, models.Field) or declared.many_to_many:
        raise FieldDoesNotExist(f"{model._meta.label}.{name} is not a column: record its change in data")
    return str(declared.attname)


resources = ResourceRegistry()
register = resources.register
