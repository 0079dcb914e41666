from django.utils.translation import gettext_lazy as _

from apps.audit.registry import Resource, ResourceRef, register
from apps.users.models import Email

# Of a password only that it changed; the time of the last sign-in is an event of its own.
register(
    Resource(
        type="user",
        model="users.User",
        fields=(
            "username",
            "email",
            "status",
            "language",
            "is_staff",
            "is_superuser",
            "is_demo",
            "password",
            "deleted_at",
        ),
        redact=("password",),
        label=_("user"),
    )
)

# No model stands behind it: the worker moves the row along several times a second, and only what people do are events.
register(Resource(type="email", label=_("e-mail")))


def email_reference(email: Email) -> ResourceRef:
    return ResourceRef("email", str(email.pk), email.subject)
