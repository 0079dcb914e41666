from django.utils.translation import gettext_lazy as _

from apps.audit.registry import Resource, register

register(
    Resource(
        type="order",
        model="orders.Order",
        fields=("order_id", "user", "amount", "status", "remark", "paid_at", "completed_at", "deleted_at"),
        label=_("order"),
    )
)
register(
    Resource(
        type="sim_card",
        model="orders.SimCard",
        fields=("iccid", "order", "status", "real_name_status"),
        label=_("SIM card"),
    )
)
# A run of the carrier's data: its events tell who asked and what it brought.
register(Resource(type="sim_sync", label=_("SIM synchronisation")))
