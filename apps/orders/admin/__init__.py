"""The back-office of orders and SIM cards."""

from apps.orders.admin.orders import OrderAdmin
from apps.orders.admin.sim_cards import SimCardAdmin
from apps.orders.admin.sync_runs import SyncRunAdmin

__all__ = ["OrderAdmin", "SimCardAdmin", "SyncRunAdmin"]
