"""SIM cards in the back-office: what the carrier says of them, asking it now, and which order a card belongs to."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.core.actor import Actor
from apps.core.admin import ChoiceFilter, DialogForm, KeysetAdmin, chip, dialog_action, link, mono, when
from apps.core.errors import FieldError, Invalid
from apps.orders.admin.usage_chart import usage_chart
from apps.orders.enums import SyncType
from apps.orders.models import Order, SimCard, SimUsage
from apps.orders.services.iccids import is_iccid
from apps.orders.services.orders import REASON_LENGTH
from apps.orders.services.sim_cards import assign_card
from apps.orders.services.sim_sync import SyncOrder, request_status_sync, request_sync

_SYNC, _CHANGE, _USAGE = "orders.sync_simcard", "orders.change_simcard", "orders.view_simusage"
CARD_TONES = {
    SimCard.Status.UNKNOWN: "neutral",
    SimCard.Status.INACTIVE: "neutral",
    SimCard.Status.ACTIVE: "success",
    SimCard.Status.SUSPENDED: "warning",
    SimCard.Status.CLOSED: "danger",
}
REAL_NAME_TONES = {
    SimCard.RealName.UNKNOWN: "neutral",
    SimCard.RealName.PENDING: "warning",
    SimCard.RealName.VERIFIED: "success",
    SimCard.RealName.REJECTED: "danger",
}


class AssignForm(DialogForm):
    order_id = forms.CharField(
        label=_("order number"),
        required=False,
        max_length=50,
        help_text=_("The whole number; empty: the card belongs to no order."),
    )
    reason = forms.CharField(label=_("Reason"), max_length=REASON_LENGTH, widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(self, *args: Any, obj: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, obj=obj, **kwargs)
        if isinstance(obj, SimCard) and obj.order is not None:
            self.fields["order_id"].initial = obj.order.order_id


class SyncForm(DialogForm):
    sync_type = forms.ChoiceField(label=_("What to fetch"), choices=SyncType.choices)
    start_date = forms.DateField(
        label=_("From day"), required=False, widget=forms.TextInput, help_text=_("YYYY-MM-DD; empty: from the start")
    )
    end_date = forms.DateField(
        label=_("To day"), required=False, widget=forms.TextInput, help_text=_("YYYY-MM-DD; empty: up to now")
    )


def _has_check_digit(card: Any) -> bool:
    """Old cards with letters in their number can't be asked for one by one; a whole run covers them."""
    return isinstance(card, SimCard) and is_iccid(card.iccid)


@admin.register(SimCard)
class SimCardAdmin(KeysetAdmin):
    list_display = ("number", "order_shown", "status_chip", "real_name_chip", "synchronised")
    list_filter = (("status", ChoiceFilter), ("real_name_status", ChoiceFilter))
    search_fields = ("iccid__startswith", "order__order_id__exact")
    search_help_text = _("Beginning of the ICCID, or an order number")
    actions_list = ("synchronise",)
    actions_row = ("assign",)
    actions_detail = ("assign", "ask_carrier")
    fieldsets = (
        (None, {"fields": ("number", "order_shown", "status_chip", "real_name_chip", "synchronised")}),
        (_("Data used"), {"fields": ("usage_shown",)}),
        (_("Course"), {"fields": ("created", "changed")}),
    )
    readonly_fields = tuple(name for _title, group in fieldsets for name in group["fields"])
    empty_title = _("No SIM cards yet")
    empty_text = _("Cards appear with the first synchronisation with the carrier.")

    class Media:
        css = {"all": ("orders/sim_cards.css",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[SimCard]:
        return SimCard.objects.for_admin_list()

    def get_fieldsets(self, request: HttpRequest, obj: SimCard | None = None) -> Any:
        """When somebody was online shows in what they used: that is a permission of its own."""
        if request.user.has_perm(_USAGE):
            return self.fieldsets
        return [group for group in self.fieldsets if "usage_shown" not in group[1]["fields"]]

    # --- actions ----------------------------------------------------------------------------------------------
    @dialog_action(
        description=_("Synchronise now"),
        permission=_SYNC,
        form=SyncForm,
        icon="sync",
        variant="primary",
        confirm=_("Everything that the carrier has is fetched; it may take minutes. The task shows the progress."),
    )
    def synchronise(self, request: HttpRequest, obj: None, form: SyncForm) -> SafeString:
        values = form.cleaned_data
        order = SyncOrder(SyncType(values["sync_type"]), values["start_date"], values["end_date"])
        return _queued(request_sync(order, actor=Actor.of_user(request.user)))

    @dialog_action(
        description=_("Ask the carrier now"),
        permission=_SYNC,
        icon="sync",
        variant="primary",
        confirm=_("The carrier is asked for the state of this card, however fresh the known one is."),
        applies=_has_check_digit,
    )
    def ask_carrier(self, request: HttpRequest, obj: SimCard, form: DialogForm) -> SafeString:
        return _queued(request_status_sync([obj.iccid], force=True, actor=Actor.of_user(request.user)))

    @dialog_action(description=_("Assign to an order"), permission=_CHANGE, form=AssignForm, icon="shopping_bag")
    def assign(self, request: HttpRequest, obj: SimCard, form: AssignForm) -> str:
        number = form.cleaned_data["order_id"].strip()
        order = Order.objects.alive().filter(order_id=number).first() if number else None
        if number and order is None:
            raise Invalid(errors=[FieldError("order_id", "unknown", _("There is no such order."))])
        actor = Actor.of_user(request.user)
        assign_card(obj.pk, order.pk if order else None, actor=actor, reason=form.cleaned_data["reason"])
        if order is None:
            return gettext("The card belongs to no order now.")
        return gettext("The card belongs to order %(number)s now.") % {"number": order.order_id}

    # --- list -------------------------------------------------------------------------------------------------
    @admin.display(description="ICCID")
    def number(self, card: SimCard) -> SafeString:
        return mono(card.iccid)

    @admin.display(description=_("order number"))
    def order_shown(self, card: SimCard) -> SafeString:
        order = card.order
        if order is None:
            return link(None, None)
        address = None if order.deleted_at else reverse("admin:orders_order_change", args=[order.pk])
        return link(address, order.order_id)

    @admin.display(description=_("status"))
    def status_chip(self, card: SimCard) -> SafeString:
        return chip(card.get_status_display(), CARD_TONES[SimCard.Status(card.status)])

    @admin.display(description=_("real-name check"))
    def real_name_chip(self, card: SimCard) -> SafeString:
        return chip(card.get_real_name_status_display(), REAL_NAME_TONES[SimCard.RealName(card.real_name_status)])

    @admin.display(description=_("last news"))
    def synchronised(self, card: SimCard) -> SafeString:
        return when(card.synced_at)

    # --- page -------------------------------------------------------------------------------------------------
    @admin.display(description=_("last 30 days"))
    def usage_shown(self, card: SimCard) -> SafeString:
        """Up to today, or up to the last day that is known when that is longer ago."""
        newest = SimUsage.objects.filter(sim_card=card).newest_first()[:30].values_list("day", "used_bytes")
        usage = dict(newest)
        today = timezone.localdate()
        until = today if not usage or (today - max(usage)).days < 30 else max(usage)
        return usage_chart(usage, until=until)

    @admin.display(description=_("created"))
    def created(self, card: SimCard) -> SafeString:
        return when(card.created_at)

    @admin.display(description=_("changed"))
    def changed(self, card: SimCard) -> SafeString:
        return when(card.updated_at)


def _queued(task_id: str) -> SafeString:
    address = f"{reverse('admin:taskhub_task_changelist')}?q={task_id}"
    return format_html("{} {}", gettext("The synchronisation is queued."), link(address, gettext("Show the task")))
