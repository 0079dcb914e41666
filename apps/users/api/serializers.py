from __future__ import annotations

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from apps.core.api.strict import StrictSerializer
from apps.users.models import USERNAME_MIN_LENGTH, User
from apps.users.roles import Role

PASSWORD_LENGTH = 1024
REASON_LENGTH = 500


class SignInSerializer(StrictSerializer):
    username = serializers.CharField(max_length=150, help_text="User name or e-mail address")
    password = serializers.CharField(max_length=PASSWORD_LENGTH, trim_whitespace=False, write_only=True)


class RefreshSerializer(StrictSerializer):
    refresh_token = serializers.CharField(max_length=4096)


class PasswordSerializer(StrictSerializer):
    old_password = serializers.CharField(max_length=PASSWORD_LENGTH, trim_whitespace=False, write_only=True)
    new_password = serializers.CharField(max_length=PASSWORD_LENGTH, trim_whitespace=False, write_only=True)


class TokenPairSerializer(serializers.Serializer):
    access_token = serializers.CharField()
    refresh_token = serializers.CharField(help_text="Good for one use")
    token_type = serializers.CharField()
    expires_in = serializers.IntegerField(help_text="Seconds until the access token expires")
    refresh_expires_in = serializers.IntegerField(help_text="Seconds until the refresh token expires")


class RegisterSerializer(StrictSerializer):
    username = serializers.CharField(
        min_length=USERNAME_MIN_LENGTH,
        max_length=50,
        help_text="Letters of any script, digits and . + - _; unique without case",
    )
    email = serializers.EmailField(max_length=100, help_text="Unique without case")
    password = serializers.CharField(
        min_length=8,
        max_length=PASSWORD_LENGTH,
        trim_whitespace=False,
        write_only=True,
        help_text="Not a common one and not like the name",
    )
    language = serializers.ChoiceField(
        choices=settings.LANGUAGES, required=False, help_text="Language of mails; that of the request by default"
    )


class ChangeMeSerializer(StrictSerializer):
    """What is left out stays as it is."""

    email = serializers.EmailField(max_length=100, required=False)
    language = serializers.ChoiceField(choices=settings.LANGUAGES, required=False)
    version = serializers.IntegerField(
        required=False, min_value=1, help_text="The version the change starts from; If-Match does the same"
    )


class ChangeUserSerializer(ChangeMeSerializer):
    """Status and roles: staff only, and never one's own."""

    status = serializers.ChoiceField(choices=User.Status.choices, required=False)
    roles = serializers.ListField(
        child=serializers.ChoiceField(choices=[role.value for role in Role]),
        required=False,
        max_length=len(Role),
        help_text="Exactly these roles from now on",
    )
    reason = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=REASON_LENGTH,
        help_text="Why; kept in the audit log",
    )


class DeleteUserParameters(StrictSerializer):
    reason = serializers.CharField(required=False, allow_blank=True, max_length=REASON_LENGTH, label=_("Reason"))


class UserSerializer(serializers.ModelSerializer[User]):
    """A user as they see themselves.  Never the password, in any form."""

    roles = serializers.SerializerMethodField()

    class Meta:
        model = User
        fields = (
            "id",
            "username",
            "email",
            "status",
            "language",
            "is_staff",
            "roles",
            "version",
            "last_login_at",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields

    def get_roles(self, user: User) -> list[str]:
        return sorted(group.name for group in user.groups.all() if group.name in set(Role))
