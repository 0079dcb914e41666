"""Audit events as the API shows them (I.1, I.2)."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.audit.enums import Action, ActorType, Status
from apps.audit.models import AuditEvent
from apps.audit.services import comparison, wording


class ResourceSerializer(serializers.Serializer[AuditEvent]):
    type = serializers.CharField(source="resource_type")
    identifier = serializers.CharField(source="resource_id")
    label = serializers.CharField(source="resource_label")  # type: ignore[assignment]  # the attribute is called so


class PrincipalSerializer(serializers.Serializer[AuditEvent]):
    uid = serializers.CharField(source="actor_id")
    username = serializers.CharField(source="actor_label")
    type = serializers.ChoiceField(source="actor_kind", choices=ActorType.choices)


class AuditEventSerializer(serializers.ModelSerializer[AuditEvent]):
    """An event in a list: everything but the recorded objects."""

    timestamp = serializers.DateTimeField(source="at")
    action = serializers.ChoiceField(choices=Action.choices)
    status = serializers.ChoiceField(choices=Status.choices)
    resource = ResourceSerializer(source="*")
    user = PrincipalSerializer(source="*")
    summary = serializers.SerializerMethodField(help_text="The event as a sentence in the language of the request.")
    changed_fields = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = AuditEvent
        fields = (
            "id",
            "seq",
            "timestamp",
            "action",
            "resource",
            "user",
            "summary",
            "subsystem",
            "status",
            "error_message",
            "reason",
            "client_ip",
            "request_method",
            "path",
            "request_id",
            "run_id",
            "changed_fields",
        )

    def get_summary(self, event: AuditEvent) -> str:
        return wording.sentence(event)


class DiffObjectSerializer(serializers.Serializer[AuditEvent]):
    old_object = serializers.SerializerMethodField()
    new_object = serializers.SerializerMethodField()
    old_object_truncated = serializers.BooleanField()
    new_object_truncated = serializers.BooleanField()
    truncated_fields = serializers.ListField(child=serializers.CharField())

    @extend_schema_field({"type": "object", "nullable": True, "additionalProperties": {}})
    def get_old_object(self, event: AuditEvent) -> dict[str, Any] | None:
        return event.old

    @extend_schema_field({"type": "object", "nullable": True, "additionalProperties": {}})
    def get_new_object(self, event: AuditEvent) -> dict[str, Any] | None:
        return event.new


class FieldChangeSerializer(serializers.Serializer[comparison.FieldChange]):
    field = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    kind = serializers.ChoiceField(choices=[kind.value for kind in comparison.Kind])
    old = serializers.CharField()
    new = serializers.CharField()
    is_hidden = serializers.BooleanField()
    is_truncated = serializers.BooleanField()


class AuditEventDetailSerializer(AuditEventSerializer):
    """One event with the full difference."""

    diff_object = DiffObjectSerializer(source="*")
    changes = serializers.SerializerMethodField(help_text="Field by field, with labels; unchanged fields left out.")

    class Meta(AuditEventSerializer.Meta):
        fields = (  # type: ignore[assignment]  # longer than the base's
            *AuditEventSerializer.Meta.fields,
            "user_agent",
            "diff_object",
            "changes",
            "data",
            "created_at",
        )

    @extend_schema_field(FieldChangeSerializer(many=True))
    def get_changes(self, event: AuditEvent) -> list[dict[str, Any]]:
        changed = [row for row in comparison.compare(event) if row.kind is not comparison.Kind.SAME]
        return list(FieldChangeSerializer(changed, many=True).data)  # type: ignore[arg-type]
