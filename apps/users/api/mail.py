"""Asking for an e-mail (B.4): validated, stored and queued in one transaction, accepted at once."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from django.core.files.base import ContentFile
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core.api import request_actor
from apps.core.api.idempotency import idempotent
from apps.core.api.parsers import JSONBody
from apps.core.api.permissions import requires
from apps.core.api.strict import StrictSerializer
from apps.core.errors import ErrorCode
from apps.taskhub.hub_task import Queue
from apps.users.api.uploads import AttachmentsBody
from apps.users.services.mail import Mail, queue_mail

MAX_ADDRESSES = 50


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string", "format": "email"},
            {"type": "array", "items": {"type": "string", "format": "email"}, "maxItems": MAX_ADDRESSES},
        ],
        "example": ["lin@example.com"],
    }
)
class AddressesField(serializers.ListField):
    """One address or a list of them; what an address is, the service says."""

    child = serializers.CharField(max_length=320, trim_whitespace=False)

    def to_internal_value(self, data: Any) -> Any:
        return super().to_internal_value([data] if isinstance(data, str) else data)


@extend_schema_field({"type": "string", "format": "byte"})
class Base64Field(serializers.Field):
    """Bytes in a JSON text."""

    default_error_messages = {"invalid": _("This is not Base64.")}

    def to_internal_value(self, data: Any) -> bytes:
        try:
            return base64.b64decode(data, validate=True)
        except (TypeError, ValueError, binascii.Error):
            self.fail("invalid")

    def to_representation(self, value: Any) -> Any:
        return base64.b64encode(value).decode()


class EmbeddedFileSerializer(StrictSerializer):
    filename = serializers.CharField(max_length=150)
    content = Base64Field()


class _LetterSerializer(StrictSerializer):
    """What both forms of the request have in common."""

    to = AddressesField(help_text="At most 50 together with cc")
    cc = AddressesField(required=False)
    subject = serializers.CharField(max_length=255, trim_whitespace=False)
    body = serializers.CharField(
        required=False, allow_blank=True, default="", trim_whitespace=False, help_text="Plain text"
    )
    html = serializers.CharField(
        required=False, allow_blank=True, default="", trim_whitespace=False, help_text="The same as HTML"
    )
    priority = serializers.ChoiceField(choices=Queue.values, default=Queue.DEFAULT.value, help_text="The queue")
    request_id = serializers.CharField(
        required=False,
        allow_blank=True,
        default="",
        max_length=128,
        help_text="The same id never sends twice; the task id by default",
    )


class EmailSerializer(_LetterSerializer):
    """JSON: attachments inside, as far as 2 MB go."""

    attachments = EmbeddedFileSerializer(many=True, required=False)


class EmailFormSerializer(_LetterSerializer):
    """multipart/form-data: attachments as files, 10 MB together; ``to`` and ``cc`` may be repeated."""

    attachments = serializers.ListField(child=serializers.FileField(), required=False)


class EmailAcceptedSerializer(serializers.Serializer):
    task_id = serializers.CharField()


class EmailView(APIView):
    """Send an e-mail.  The answer names the task; ``GET /tasks/{task_id}`` tells what became of it.

    Attachments: PDF, PNG, JPEG, GIF, WebP, plain text, CSV, and Office files without macros; 10 MB together.
    """

    permission_classes = (requires("users.send_email"),)
    parser_classes = (JSONBody, AttachmentsBody)
    error_codes = (ErrorCode.IDEMPOTENCY_KEY_REUSED,)

    @extend_schema(
        operation_id="tasks_email",
        tags=["taskhub"],
        request={"application/json": EmailSerializer, "multipart/form-data": EmailFormSerializer},
        responses={202: EmailAcceptedSerializer},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        is_form = (request.content_type or "").startswith("multipart/form-data")
        given = (EmailFormSerializer if is_form else EmailSerializer)(data=request.data)
        given.is_valid(raise_exception=True)
        values = given.validated_data
        task_id = queue_mail(
            Mail(
                to=values["to"],
                cc=values.get("cc", []),
                subject=values["subject"],
                text=values["body"],
                html=values["html"],
                attachments=[_file(one) for one in values.get("attachments", [])],
            ),
            actor=request_actor(request),
            request_id=values["request_id"],
            queue=Queue(values["priority"]),
        )
        return Response({"task_id": task_id}, status=status.HTTP_202_ACCEPTED)


def _file(one: Any) -> Any:
    return ContentFile(one["content"], name=one["filename"]) if isinstance(one, dict) else one
