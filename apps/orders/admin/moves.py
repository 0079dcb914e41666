"""The forms behind an order's buttons.  Each carries the version that the person saw."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from apps.core.admin import DialogForm
from apps.orders.models import MOST_CENTS, Order
from apps.orders.services.orders import REASON_LENGTH

# What a button says is the deed, not the state that follows from it.
DEEDS = {
    Order.Status.PAID: pgettext_lazy("order move", "Mark as paid"),
    Order.Status.PROCESSING: pgettext_lazy("order move", "Start processing"),
    Order.Status.COMPLETED: pgettext_lazy("order move", "Complete"),
    Order.Status.CANCELLED: pgettext_lazy("order move", "Cancel order"),
    Order.Status.REFUNDED: pgettext_lazy("order move", "Refund"),
}


def _reason(*, required: bool) -> forms.CharField:
    return forms.CharField(
        label=_("Reason"), required=required, max_length=REASON_LENGTH, widget=forms.Textarea(attrs={"rows": 2})
    )


class _OrderForm(DialogForm):
    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, obj: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, obj=obj, **kwargs)
        if obj is not None:
            self.fields["version"].initial = obj.version


class MoveForm(_OrderForm):
    reason = _reason(required=False)


class FinalMoveForm(_OrderForm):
    """For what can't be taken back: somebody will ask why."""

    reason = _reason(required=True)


class EditForm(_OrderForm):
    """Remark, and the amount while the order is pending."""

    amount = forms.DecimalField(
        label=_("amount"), min_value=Decimal("0.01"), max_value=Decimal(MOST_CENTS) / 100, decimal_places=2
    )
    remark = forms.CharField(
        label=_("remark"), required=False, max_length=500, widget=forms.Textarea(attrs={"rows": 3})
    )
    reason = _reason(required=False)

    def __init__(self, *args: Any, obj: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, obj=obj, **kwargs)
        if isinstance(obj, Order):
            self.fields["amount"].initial = Decimal(obj.amount) / 100
            self.fields["remark"].initial = obj.remark
            if not obj.is_pending:
                del self.fields["amount"]

    def cents(self) -> int | None:
        return in_cents(self.cleaned_data.get("amount"))


class PlaceForm(DialogForm):
    """An order for somebody: found by name or address, so that nobody has to look up a number."""

    user_id = forms.CharField(label=_("User name or e-mail"), max_length=150)
    amount = forms.DecimalField(
        label=_("amount"), min_value=Decimal("0.01"), max_value=Decimal(MOST_CENTS) / 100, decimal_places=2
    )
    order_id = forms.CharField(
        label=_("order number"), required=False, max_length=50, help_text=_("Leave empty to get a new number.")
    )
    remark = forms.CharField(
        label=_("remark"), required=False, max_length=500, widget=forms.Textarea(attrs={"rows": 2})
    )


class MoveManyForm(DialogForm):
    status = forms.ChoiceField(label=_("Move to"), choices=[("", "–"), *DEEDS.items()])
    reason = _reason(required=True)


def in_cents(amount: Decimal | None) -> int | None:
    return None if amount is None else int(amount * 100)
