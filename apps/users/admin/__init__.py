"""Users in the back-office, by subject."""

from apps.users.admin.emails import EmailAdmin
from apps.users.admin.own_password import own_password
from apps.users.admin.token_sessions import TokenSessionAdmin
from apps.users.admin.users import UserAdmin

__all__ = ["EmailAdmin", "TokenSessionAdmin", "UserAdmin", "own_password"]
