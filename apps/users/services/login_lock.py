"""The lock after failed sign-ins: django-axes counts in the database, here is under which name and for how long."""

from __future__ import annotations

import hashlib
import math
from datetime import datetime, timedelta

from axes.models import AccessAttempt
from django.conf import settings
from django.db.models import Max

from apps.core.client_ip import network_of
from apps.users.models import User
from apps.users.querysets import fold

# For a peer on a unix socket; a null would never be found again.
NO_ADDRESS = "0.0.0.0"  # noqa: S104


def lock_name_of(typed_name: str) -> str:
    """Failures of all spellings and of both names of one person count together; others are kept as a digest."""
    key = fold(typed_name.strip())
    known = User.objects.named(key).values_list("username_key", flat=True).first() if key else None
    return known or hashlib.sha256(key.encode()).hexdigest()


def lock_address_of(client_ip: str) -> str:
    """What counts as one address: IPv4 as it is, IPv6 by the /64 that its owner may choose from freely."""
    address = network_of(client_ip).partition("/")[0]
    return NO_ADDRESS if address == "unknown" else address


def retry_after_seconds(typed_name: str, client_ip: str, *, now: datetime) -> int:
    """How long this name stays locked for this address: until its last counted failure is forgotten; at least 1."""
    cool_off: timedelta = settings.AXES_COOLOFF_TIME
    counted = AccessAttempt.objects.filter(username=lock_name_of(typed_name), ip_address=lock_address_of(client_ip))
    last = counted.aggregate(last=Max("attempt_time"))["last"]
    return max(1, math.ceil((last + cool_off - now).total_seconds())) if last else 1


def forget_failures(user: User, client_ip: str) -> None:
    """After a success from this address."""
    AccessAttempt.objects.filter(username=user.username_key, ip_address=lock_address_of(client_ip)).delete()
