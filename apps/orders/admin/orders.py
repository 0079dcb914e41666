"""Orders in the back-office: the list with its totals, one order with its moves and its story, many at once, files."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from apps.audit.enums import Action
from apps.audit.services.story import StoryLine, story_of
from apps.core.actor import Actor
from apps.core.admin import (
    ChoiceFilter,
    DateRangeFilter,
    KeysetAdmin,
    chip,
    dialog_action,
    link,
    mono,
    once_a_page,
    when,
)
from apps.core.errors import FieldError, Invalid
from apps.orders.admin.exporting import export
from apps.orders.admin.moves import DEEDS, EditForm, FinalMoveForm, MoveForm, MoveManyForm, PlaceForm, in_cents
from apps.orders.admin.sim_cards import CARD_TONES
from apps.orders.models import Order, SimCard
from apps.orders.services import change_order, delete_order, move_order, move_orders, place_order
from apps.orders.services.exports import note_export
from apps.users.models import User

ADD, CHANGE, DELETE, EXPORT = "orders.add_order", "orders.change_order", "orders.delete_order", "orders.export_order"
ORDER_TONES = {
    Order.Status.PENDING: "warning",
    Order.Status.PAID: "info",
    Order.Status.PROCESSING: "info",
    Order.Status.COMPLETED: "success",
    Order.Status.CANCELLED: "neutral",
    Order.Status.REFUNDED: "danger",
}
# A state with more orders than this is shown as "1,000+": counting on takes longer than the number is worth.
COUNTED_UP_TO = 1_000
# The page of an order shows so many of its SIM cards and leads to the list for the others.
CARDS_SHOWN = 10


def _move(status: str, *, icon: str, variant: Any = "default", final: bool = False) -> Any:
    """The button that gives an order this state, on the pages of those that may take it."""

    def handler(self: Any, request: HttpRequest, order: Any, form: Any) -> str:
        given = form.cleaned_data
        move_order(
            order.pk,
            status,
            actor=Actor.of_user(request.user),
            reason=given["reason"],
            expected_version=given["version"],
        )
        return gettext("The order is %(status)s now.") % {"status": Order.Status(status).label}

    handler.__name__ = f"move_to_{status}"
    return dialog_action(
        description=DEEDS[Order.Status(status)],
        permission=CHANGE,
        form=FinalMoveForm if final else MoveForm,
        icon=icon,
        variant=variant,
        confirm=_("This can't be taken back.") if final else "",
        applies=lambda order: status in order.moves,
    )(handler)


@admin.register(Order)
class OrderAdmin(KeysetAdmin):
    keyset_fields = ("-created_at", "-id")
    list_display = ("number", "customer", "price", "status_chip", "created", "paid")
    list_display_links = ("number",)
    list_filter = (("status", ChoiceFilter), ("created_at", DateRangeFilter))
    # Whole numbers and names only: each is an index, parts of words are not.
    search_fields = ("order_id",)
    search_help_text = _("Whole order number, user name or e-mail")
    list_before_template = "orders/totals.html"
    actions = ("move_selected",)
    actions_list = ("place",)
    actions_detail = (
        "move_to_paid",
        "move_to_processing",
        "move_to_completed",
        "move_to_refunded",
        "move_to_cancelled",
        "edit",
    )
    # Deleting only from the list: afterwards there is no page of the order to come back to.
    actions_row = ("move_to_paid", "move_to_processing", "move_to_completed", "remove")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "number", "customer", "price", "status_chip", "remark", "paid", "completed", "created", "changed",
                )
            },
        ),
        (_("SIM cards"), {"fields": ("cards",)}),
        (_("What happened"), {"fields": ("story",)}),
    )  # fmt: skip
    readonly_fields = tuple(name for _title, group in fieldsets for name in group["fields"])
    empty_title = _("No orders yet")
    empty_text = _("Orders placed through the API or here stand in this list, newest first.")

    class Media:
        css = {"all": ("taskhub/admin.css", "orders/admin.css")}

    move_to_paid = _move("paid", icon="payments", variant="success")
    move_to_processing = _move("processing", icon="inventory_2", variant="primary")
    move_to_completed = _move("completed", icon="task_alt", variant="success")
    move_to_cancelled = _move("cancelled", icon="block", variant="danger", final=True)
    move_to_refunded = _move("refunded", icon="undo", variant="danger", final=True)

    # --- the list ---------------------------------------------------------------------------------------------
    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        return Order.objects.for_admin_list()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Order], search_term: str
    ) -> tuple[QuerySet[Order], bool]:
        return queryset.found_by(search_term) if search_term.strip() else queryset, False  # type: ignore[attr-defined]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context = {
            "totals": self._totals(request),
            "export_address": f"{self.address('export')}?{request.GET.urlencode()}",
            "may_export": request.user.has_perm(EXPORT),
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)

    def _totals(self, request: HttpRequest) -> list[dict[str, Any]]:
        chosen = request.GET.get("status__exact", "")
        numbers = Order.objects.numbers_by_status(most=COUNTED_UP_TO + 1)
        return [
            {
                "chip": chip(Order.Status(status).label, ORDER_TONES[Order.Status(status)]),
                "number": f"{COUNTED_UP_TO:,}+" if number > COUNTED_UP_TO else f"{number:,}",
                "address": f"{self.address('changelist')}?status__exact={status}",
                "chosen": status == chosen,
            }
            for status, number in numbers.items()
        ]

    def has_move_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(CHANGE))

    def get_fieldsets(self, request: HttpRequest, obj: Order | None = None) -> Any:
        """SIM cards have a permission of their own."""
        if request.user.has_perm("orders.view_simcard"):
            return self.fieldsets
        return [group for group in self.fieldsets if "cards" not in group[1]["fields"]]

    # --- one order --------------------------------------------------------------------------------------------
    @dialog_action(description=_("New order"), permission=ADD, form=PlaceForm, icon="add", variant="primary")
    def place(self, request: HttpRequest, obj: Any, form: PlaceForm) -> Any:
        given = form.cleaned_data
        user = User.objects.named(given["user_id"]).first()
        if user is None:
            raise Invalid(errors=[FieldError("user_id", "unknown", _("There is no such user."))])
        order = place_order(
            user_id=user.pk,
            amount=in_cents(given["amount"]) or 0,
            order_id=given["order_id"],
            remark=given["remark"],
            actor=Actor.of_user(request.user),
        )
        return gettext("Order %(number)s has been placed.") % {"number": order.order_id}

    @dialog_action(description=_("Edit"), permission=CHANGE, form=EditForm, icon="edit")
    def edit(self, request: HttpRequest, obj: Any, form: EditForm) -> Any:
        given = form.cleaned_data
        change_order(
            obj.pk,
            actor=Actor.of_user(request.user),
            amount=form.cents(),
            remark=given["remark"],
            reason=given["reason"],
            expected_version=given["version"],
        )
        return _("The order has been changed.")

    @dialog_action(
        description=_("Delete order"),
        permission=DELETE,
        form=FinalMoveForm,
        icon="delete",
        variant="danger",
        confirm=_("The order disappears from all lists; its number is free for another. The log stays."),
    )
    def remove(self, request: HttpRequest, obj: Any, form: FinalMoveForm) -> Any:
        given = form.cleaned_data
        delete_order(
            obj.pk,
            actor=Actor.of_user(request.user),
            reason=given["reason"],
            expected_version=given["version"],
        )
        return _("The order has been deleted.")

    # --- many orders ------------------------------------------------------------------------------------------
    @admin.action(description=_("Move the chosen orders"), permissions=["move"])
    def move_selected(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse | None:
        form = MoveManyForm(data=request.POST if "confirmed" in request.POST else None, request=request, object_id=None)
        chosen = [int(text) for text in request.POST.getlist(ACTION_CHECKBOX_NAME) if text.isdecimal()]
        if not form.is_bound or not form.is_valid():
            return self._ask(request, chosen, form)
        given = form.cleaned_data
        count = move_orders(chosen, given["status"], actor=Actor.of_user(request.user), reason=given["reason"])
        sentence = ngettext("%(count)d order is %(status)s now.", "%(count)d orders are %(status)s now.", count)
        messages.success(request, sentence % {"count": count, "status": Order.Status(given["status"]).label})
        return None

    def _ask(self, request: HttpRequest, chosen: list[int], form: forms.Form) -> HttpResponse:
        """The question: every order by number, and the moves that all of them may make."""
        orders = list(Order.objects.for_admin_list().filter(pk__in=chosen))
        common = [status for status in Order.Status.values if all(status in order.moves for order in orders)]
        form.fields["status"].choices = [(status, DEEDS[Order.Status(status)]) for status in common]  # type: ignore[attr-defined]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Move the chosen orders"),
            "form": form,
            "orders": [(order, self.status_chip(order), self.price(order)) for order in orders],
            "possible": bool(common),
            "checkbox_name": ACTION_CHECKBOX_NAME,
            "list_address": request.get_full_path(),
        }
        return TemplateResponse(request, "orders/move_many.html", context)

    # --- files ------------------------------------------------------------------------------------------------
    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.export_view)
        return [path("export/", view, name="orders_order_export"), *super().get_urls()]

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """The filtered list as a file.  A POST, because it leaves an event behind."""
        if not request.user.has_perm(EXPORT):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        file_format = request.POST.get("format", "")
        orders: Any = self.get_changelist_instance(request).queryset
        try:
            response = export(orders, file_format)
        except Invalid as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(f"{self.address('changelist')}?{request.GET.urlencode()}")
        note_export(actor=Actor.of_user(request.user), file_format=file_format, filters=request.GET.dict())
        return response

    # --- cells ------------------------------------------------------------------------------------------------
    @admin.display(description=_("order number"))
    def number(self, order: Order) -> SafeString:
        return mono(order.order_id)

    @admin.display(description=_("user"))
    def customer(self, order: Any) -> SafeString:
        address = reverse("admin:users_user_change", args=[order.user_id]) if order.customer_is_alive else None
        return link(address, order.customer_name or order.user_id)

    @admin.display(description=_("amount"))
    def price(self, order: Order) -> str:
        return f"{Decimal(order.amount) / 100:,.2f}"

    @admin.display(description=_("status"))
    def status_chip(self, order: Order) -> SafeString:
        return chip(order.get_status_display(), ORDER_TONES[Order.Status(order.status)])

    @admin.display(description=_("created"))
    def created(self, order: Order) -> SafeString:
        return when(order.created_at)

    @admin.display(description=_("changed"))
    def changed(self, order: Order) -> SafeString:
        return when(order.updated_at)

    @admin.display(description=_("completed at"))
    def completed(self, order: Order) -> SafeString:
        return when(order.completed_at)

    @admin.display(description=_("paid at"))
    def paid(self, order: Order) -> SafeString:
        return when(order.paid_at)

    @once_a_page
    @admin.display(description=_("assigned cards"))
    def cards(self, order: Order) -> SafeString:
        first = list(order.sim_cards.order_by("-id")[: CARDS_SHOWN + 1])
        if not first:
            return link(None, None)
        lines = [
            (
                link(reverse("admin:orders_simcard_change", args=[card.pk]), mono(card.iccid)),
                chip(card.get_status_display(), CARD_TONES[SimCard.Status(card.status)]),
            )
            for card in first[:CARDS_SHOWN]
        ]
        if len(first) > CARDS_SHOWN:
            everything = f"{reverse('admin:orders_simcard_changelist')}?{urlencode({'q': order.order_id})}"
            lines.append((link(everything, _("All SIM cards of this order")), SafeString("")))
        return format_html('<ul class="bjz-chosen">{}</ul>', format_html_join("", "<li>{} {}</li>", lines))

    @once_a_page
    @admin.display(description="")
    def story(self, order: Order) -> SafeString:
        lines = [(line, _tone(line), _status_of(line)) for line in story_of("order", order.pk)]
        return render_to_string("orders/story.html", {"lines": lines})


def _status_of(line: StoryLine) -> str:
    """The state that an event left the order in, in words; empty when it left it as it was."""
    return next((change.new for change in line.changes if change.field == "status"), "")


def _tone(line: StoryLine) -> str:
    labels = {str(status.label): tone for status, tone in ORDER_TONES.items()}
    if line.action == Action.DELETED:
        return "danger"
    return labels.get(_status_of(line), "neutral")
