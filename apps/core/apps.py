from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CoreConfig(AppConfig):
    name = "apps.core"
    label = "core"
    verbose_name = _("Core")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Statements are limited and watched from the first connection on.
        from apps.core import signals  # noqa: F401

        # After django.contrib.admin, which stands before us in INSTALLED_APPS, has found all admin rooms.
        from apps.core.admin.foreign import close_foreign_rooms

        close_foreign_rooms()
