"""Request bodies with declared fields only: one that nobody knows is an error, not ignored (1001)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from django.utils.translation import gettext_lazy as _
from drf_spectacular.extensions import OpenApiSerializerExtension
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

# A body of a thousand wrong names is answered with the first few.
_NAMED_AT_MOST = 20
_NAME_LENGTH = 100


class StrictSerializer(serializers.Serializer):
    """Base of request serializers.  Unknown fields are reported together with what else is wrong."""

    def to_internal_value(self, data: Any) -> Any:
        unknown = self._unknown(data)
        try:
            value = super().to_internal_value(data)
        except serializers.ValidationError as error:
            found = cast(dict[str, Any], error.detail)
            raise serializers.ValidationError({**found, **unknown}) from None
        if unknown:
            raise serializers.ValidationError(unknown)
        return value

    def _unknown(self, data: Any) -> dict[str, list[ErrorDetail]]:
        if not isinstance(data, Mapping):
            return {}
        known = {field.field_name for field in self._writable_fields}
        names = sorted(str(name) for name in data if name not in known)
        sentence = str(_("There is no such field."))
        return {name[:_NAME_LENGTH]: [ErrorDetail(sentence, code="unknown")] for name in names[:_NAMED_AT_MOST]}


class StrictInTheSchema(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """``additionalProperties: false``."""

    target_class = "apps.core.api.strict.StrictSerializer"
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: Any) -> Any:
        schema = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        return {**schema, "additionalProperties": False}
