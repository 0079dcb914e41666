"""Actions that change something: a button, a dialog, one POST, one service.

Unfold's own ``@action`` runs on GET (feasibility §9), so nothing outside this module uses it.  A handler looks like
``def run_now(self, request, obj, form) -> str`` and returns the sentence that tells the person what happened.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Literal

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from apps.core.errors import AppError, ErrorCode

Text = str | Promise
Handler = Callable[[Any, HttpRequest, Any, Any], Text]
Variant = Literal["default", "primary", "success", "info", "warning", "danger"]

_WIDGETS: tuple[tuple[type[forms.Widget], type[forms.Widget]], ...] = (
    (forms.Textarea, UnfoldAdminTextareaWidget),
    (forms.Select, UnfoldAdminSelectWidget),
    (forms.CheckboxInput, UnfoldBooleanSwitchWidget),
    (forms.NumberInput, UnfoldAdminIntegerFieldWidget),
    (forms.TextInput, UnfoldAdminTextInputWidget),
)


# More would hide the sentence they belong to.
_PARTICULARS = 5


class DialogForm(BaseDialogForm):
    """Base of the forms in dialogs.  Declare plain Django fields: they get the look of the back-office here."""

    is_newer_shown = False

    def __init__(self, *args: Any, obj: models.Model | None = None, **kwargs: Any) -> None:
        self.obj = obj
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            _dress(field)

    def meets_newer(self) -> bool:
        """The object is newer than what this form showed (1013) and nothing was done.

        A form that can show both versions does so and returns True: the dialog stays open with what was typed, and
        sends it again on the new version, or leads back to the page.
        """
        return False


def _dress(field: forms.Field) -> None:
    if type(field.widget).__module__ != "django.forms.widgets" or field.widget.is_hidden:
        return
    if isinstance(field, forms.DecimalField | forms.FloatField):
        dressed: forms.Widget = UnfoldAdminDecimalFieldWidget(attrs=field.widget.attrs)
    else:
        wanted = next((ours for plain, ours in _WIDGETS if type(field.widget) is plain), None)
        if wanted is None:
            return
        dressed = wanted(attrs=field.widget.attrs)
    dressed.is_required = field.required
    if isinstance(field, forms.ChoiceField):
        dressed.choices = field.choices  # type: ignore[attr-defined]
    field.widget = dressed


def dialog_action(
    *,
    description: Text,
    permission: str,
    form: type[BaseDialogForm] = DialogForm,
    icon: str = "",
    variant: Variant = "default",
    confirm: Text | Callable[[Any], Text] = "",
    submit: Text = "",
    applies: Callable[[Any], bool] | None = None,
) -> Callable[[Handler], Callable[..., HttpResponse]]:
    """Turn a handler into an action with a dialog, for ``actions_row``, ``actions_detail`` or ``actions_list``.

    ``permission`` is ``"app.codename"``; it is asked when the button is drawn and again, with the object, before the
    handler runs.  ``confirm`` is the sentence above the form, or a function of the object that returns it.
    ``applies`` says whether the action makes sense for an object; where it does not, the button is not drawn.

    An ``AppError`` that names fields of the form is shown at these fields; any other closes the dialog and is shown
    as a message on the page it came from, which is then up to date again.
    """

    def decorate(handler: Handler) -> Callable[..., HttpResponse]:
        @wraps(handler)
        def run(model_admin: Any, request: HttpRequest, object_id: str | None = None) -> HttpResponse:
            _require(request, permission)
            obj = _object(model_admin, request, object_id)
            bound = form(
                data=request.POST if request.method == "POST" else None,
                request=request,
                object_id=object_id,
                **({"obj": obj} if issubclass(form, DialogForm) else {}),
            )
            if not bound.is_valid() or not _carried_out(handler, model_admin, request, obj, bound):
                return _dialog(request, run, obj, bound, _way_back(model_admin, request, obj))
            return HttpResponse(headers={"HX-Redirect": _way_back(model_admin, request, obj)})

        run.allowed_permissions = [permission]  # type: ignore[attr-defined]
        run.short_description = description  # type: ignore[attr-defined]
        run.icon = icon  # type: ignore[attr-defined]
        run.variant = ActionVariant(variant)  # type: ignore[attr-defined]
        run.attrs = {}  # type: ignore[attr-defined]
        run.original_function_name = handler.__name__  # type: ignore[attr-defined]
        run.dialog = {  # type: ignore[attr-defined]
            "title": description,
            "description": confirm,
            "form_class": form,
            "form_submit_text": submit or description,
            "variant": variant,
            "applies": applies,
        }
        return run

    return decorate


def applies_to(dialog: dict[str, Any] | None, obj: Any) -> bool:
    """Whether the action with this dialog makes sense for the object (``dialog_action(applies=…)``)."""
    applies = (dialog or {}).get("applies")
    return applies is None or bool(applies(obj))


def _require(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied


def _object(model_admin: Any, request: HttpRequest, object_id: str | None) -> models.Model | None:
    """The object as this person may see it: outside their list it does not exist."""
    if object_id is None:
        if not model_admin.has_view_permission(request):
            raise PermissionDenied
        return None
    obj: models.Model | None = model_admin.get_object(request, unquote(object_id))
    if obj is None:
        raise Http404(_("Not found."))
    if not model_admin.has_view_permission(request, obj):
        raise PermissionDenied
    return obj


def _carried_out(handler: Handler, model_admin: Any, request: HttpRequest, obj: Any, form: Any) -> bool:
    """Run the handler.  False when the dialog must stay open because a field was refused."""
    try:
        message = handler(model_admin, request, obj, form)
    except AppError as error:
        if error.code == ErrorCode.PRECONDITION_FAILED and isinstance(form, DialogForm) and form.meets_newer():
            form.is_newer_shown = True
            return False
        if error.errors and all(item.field in form.fields for item in error.errors):
            for item in error.errors:
                form.add_error(item.field, str(item.detail))
            return False
        messages.error(request, _in_full(error))
        return True
    if message:
        messages.success(request, str(message))
    return True


def _in_full(error: AppError) -> str:
    """The sentence with its particulars: which orders keep a user, which rows stand in the way."""
    sentences = [str(error), *(str(item.detail) for item in error.errors[:_PARTICULARS])]
    return " ".join(dict.fromkeys(sentences))


def _way_back(model_admin: Any, request: HttpRequest, obj: models.Model | None) -> str:
    """The page on which the dialog was opened, as far as it is ours; else the object, else the list."""
    came_from = request.headers.get("HX-Current-URL", "") or request.headers.get("Referer", "")
    if came_from and url_has_allowed_host_and_scheme(
        came_from, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    ):
        return came_from
    options = model_admin.model._meta
    name = f"{model_admin.admin_site.name}:{options.app_label}_{options.model_name}"
    return reverse(f"{name}_changelist") if obj is None else reverse(f"{name}_change", args=[obj.pk])


def _dialog(request: HttpRequest, run: Any, obj: models.Model | None, form: Any, way_back: str) -> HttpResponse:
    confirm = run.dialog["description"]
    dialog = {**run.dialog, "description": confirm(obj) if callable(confirm) else confirm}
    context = {
        "dialog": dialog,
        "form": form,
        "object": obj,
        "button_variant": "danger" if dialog["variant"] == "danger" else "primary",
        "form_submit_text": dialog["form_submit_text"],
        "way_back": way_back,
    }
    return render(request, "unfold/helpers/dialog.html", context)
