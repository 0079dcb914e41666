from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _


class AuditConfig(AppConfig):
    name = "apps.audit"
    label = "audit"
    verbose_name = _("Audit")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Learn what is audited, then close the register: a wrong or late declaration ends the start."""
        from apps.audit.registry import resources

        autodiscover_modules("audit_resources")
        resources.close()
