from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class FightersConfig(AppConfig):
    name = "apps.fighters"
    label = "fighters"
    verbose_name = _("Fighters")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """An import of a list ends with its task."""
        from apps.fighters.services import list_imports
        from apps.taskhub.registry import register_run_listener

        register_run_listener(list_imports.LISTENER)
