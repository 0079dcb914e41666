from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OrdersConfig(AppConfig):
    name = "apps.orders"
    label = "orders"
    verbose_name = _("Orders")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from apps.orders.services.guards import open_orders_of
        from apps.orders.services.sim_runs import LISTENER
        from apps.taskhub.registry import register_run_listener
        from apps.users.registry import DeletionGuard, register_deletion_guard

        # Whoever has an order that is not done can't be deleted.
        register_deletion_guard(DeletionGuard("orders", open_orders_of))
        register_run_listener(LISTENER)
