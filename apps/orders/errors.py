"""What can go wrong here, in the words of the back-office."""

from __future__ import annotations

from typing import Self

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from apps.core.errors import Conflict, FieldError, UpstreamFailed


class MoveNotAllowed(Conflict):
    """An order can't go from its present state to the wanted one."""

    @classmethod
    def between(cls, present: str, wanted: str, *, order_id: str = "") -> Self:
        """Both states are named, by their wire names: these stand in the API and in its documents."""
        if order_id:
            sentence = format_lazy(
                _("Order {order_id} is {present} and can't become {wanted}."),
                order_id=order_id,
                present=present,
                wanted=wanted,
            )
        else:
            sentence = format_lazy(
                _("The order is {present} and can't become {wanted}."), present=present, wanted=wanted
            )
        return cls(
            sentence, errors=[FieldError("status", "move_not_allowed", sentence)], present=present, wanted=wanted
        )


class CarrierNotConfigured(Conflict):
    default_message = _("No carrier is configured: set CARRIER_BASE_URL.")


class CarrierUnavailable(UpstreamFailed):
    """Not now: no answer, 429, 5xx, or left alone for a while.  ``retry_after_seconds`` says when, if it is known."""

    default_message = _("The carrier does not answer at the moment.")


class CarrierAnswerUnusable(UpstreamFailed):
    """An answer that is no page of ours.  Worth another try: half of an answer looks like this too."""

    default_message = _("The carrier's answer can't be read.")


class CarrierRefused(Conflict):
    """The carrier does not want this call, however often it is made: wrong key, unknown address."""

    default_message = _("The carrier refuses the call.")


class SyncTakenOver(Conflict):
    """Another attempt holds the synchronisation by now, or it has been ended; this one stops."""

    default_message = _("The synchronisation goes on in another attempt, or it has been ended.")
