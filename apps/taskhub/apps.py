from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _


class TaskhubConfig(AppConfig):
    name = "apps.taskhub"
    label = "taskhub"
    verbose_name = _("Task hub")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Not Celery's import_default_modules(): it runs system checks, which would recurse.
        autodiscover_modules("tasks")
        from apps.taskhub import signals  # noqa: F401
