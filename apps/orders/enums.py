"""Words of the orders app that others may depend on.  Their values are stored and sent; never rename one."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class SyncType(models.TextChoices):
    """What a synchronisation with the carrier fetches (B.1)."""

    SIM_STATUS = "sim_status", _("SIM states")
    FLOW_USAGE = "flow_usage", _("data usage")
    REAL_NAME = "real_name", _("real-name checks")
