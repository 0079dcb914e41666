from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SchedulerConfig(AppConfig):
    name = "apps.scheduler"
    label = "scheduler"
    verbose_name = _("Scheduler")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from apps.scheduler import checks, signals
        from apps.scheduler.api import health
        from apps.scheduler.registry import schedules
        from apps.scheduler.services.runs import LISTENER
        from apps.taskhub.registry import register_run_listener

        schedules.discover()
        register_run_listener(LISTENER)
        checks.connect()
        health.connect()
        signals.connect(self)
