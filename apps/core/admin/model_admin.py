"""The base of every model admin of ours."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.admin.checks import ModelAdminChecks
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import ValidationError
from django.db import models
from django.forms import ModelForm
from django.forms.widgets import Media
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.text import capfirst
from unfold.admin import ModelAdmin
from unfold.views import ChangeList as UnfoldChangeList

from apps.core.admin.dialogs import applies_to
from apps.core.errors import AppError, Invalid


class BackOfficeChangeList(UnfoldChangeList):
    """A list whose filters may be sent empty ("all") without counting as filters."""

    def get_filters_params(self, params: dict[str, Any] | None = None) -> dict[str, Any]:
        given: dict[str, Any] = super().get_filters_params(params)
        return {name: values for name, values in given.items() if any(value != "" for value in values)}


def _may_be_key(field: models.Field[Any, Any], text: str) -> bool:
    try:
        field.run_validators(field.to_python(text))
    except ValidationError:
        return False
    return "\x00" not in text


class BackOfficeAdmin(ModelAdmin):
    """Read-only unless the class says otherwise, and never saves by itself.

    ``may_add``, ``may_change`` and ``may_delete`` open a door *in addition* to the person's permission; behind it
    stands ``perform_save`` or ``perform_delete``, which calls one service.  Neither the form nor its inlines or
    many-to-many fields are saved in any other way, and Django's own log of changes stays empty: the audit log has it.
    """

    may_add = False
    may_change = False
    may_delete = False

    list_per_page = 50
    list_max_show_all = 0
    show_full_result_count = False
    list_fullwidth = True
    list_filter_submit = False
    warn_unsaved_form = True
    compressed_fields = True
    save_as = False
    empty_value_display = "–"
    # Sentences for a list without rows: what would stand here, and how it gets here.
    empty_title: Any = ""
    empty_text: Any = ""
    # Unfold's own checks ask the database for permissions, which does not exist yet before the first migrate.
    checks_class = ModelAdminChecks

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if (cls.may_add or cls.may_change) and cls.perform_save is BackOfficeAdmin.perform_save:
            raise TypeError(f"{cls.__name__} may add or change and therefore needs perform_save")
        if cls.may_delete and cls.perform_delete is BackOfficeAdmin.perform_delete:
            raise TypeError(f"{cls.__name__} may delete and therefore needs perform_delete")
        if cls.ordering_field or cls.list_editable or cls.actions_submit_line:
            raise TypeError(f"{cls.__name__}: list_editable, ordering_field and submit-line actions save past services")

    # --- what a class fills in --------------------------------------------------------------------------------
    def perform_save(self, request: HttpRequest, obj: Any, form: ModelForm, change: bool) -> models.Model | None:
        """Call the service.  Return the row it made or changed when that is another object than ``obj``."""
        raise TypeError(f"{type(self).__name__} saves nothing")

    def perform_delete(self, request: HttpRequest, obj: Any) -> None:
        """Call the service that deletes ``obj``."""
        raise TypeError(f"{type(self).__name__} deletes nothing")

    def title_of(self, obj: Any) -> str:
        """The object in the reader's language, as the heading of its page."""
        return str(obj)

    # --- permissions ------------------------------------------------------------------------------------------
    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.may_add and bool(super().has_add_permission(request))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may_change and bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may_delete and bool(super().has_delete_permission(request, obj))

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Without Django's "delete selected", which would delete past the services."""
        actions: dict[str, Any] = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Without the actions that make no sense for this object."""
        actions = super().get_actions_detail(request, object_id)
        if not any(action.dialog and action.dialog["applies"] for action in actions):
            return list(actions)
        obj = self.get_object(request, unquote(str(object_id)))
        return [action for action in actions if obj is None or applies_to(action.dialog, obj)]

    def get_urls(self) -> list[Any]:
        """Without Django's page of an object's history, which reads the log that stays empty."""
        return [pattern for pattern in super().get_urls() if not str(pattern.name or "").endswith("_history")]

    # --- saving through services ------------------------------------------------------------------------------
    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        saved = self.perform_save(request, obj, form, change)
        if saved is not None and saved is not obj:
            # Django goes on with the object of the form (address of the next page, message): give it the row's values.
            obj.__dict__.update(saved.__dict__)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Nothing: the service has written everything."""

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.perform_delete(request, obj)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """Nothing: the service has recorded an audit event."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """Nothing: the service has recorded an audit event."""

    def log_deletions(self, request: HttpRequest, queryset: Any) -> None:
        """Nothing: the service has recorded an audit event."""

    # --- actions on ticked rows -------------------------------------------------------------------------------
    def response_action(self, request: HttpRequest, queryset: Any) -> Any:
        """As Django's, which would ask the database for keys that no row can have.  Raises Invalid."""
        ticked = request.POST.getlist(ACTION_CHECKBOX_NAME)
        if not all(_may_be_key(self.opts.pk, key) for key in ticked):
            raise Invalid
        return super().response_action(request, queryset)

    # --- the page of an object --------------------------------------------------------------------------------
    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Asked several times for one page; a page that only shows reads the row once."""
        if request.method != "GET":
            return super().get_object(request, object_id, from_field)
        seen: dict[Any, Any] = request.__dict__.setdefault("back_office_objects", {})
        key = (self.model, str(object_id), from_field)
        if key not in seen:
            seen[key] = super().get_object(request, object_id, from_field)
        return seen[key]

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        if obj is not None:
            context.setdefault("object_title", self.title_of(obj))
        response: HttpResponse = super().render_change_form(request, context, add, change, form_url, obj)
        return response

    # --- errors of ours become sentences ----------------------------------------------------------------------
    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """The form; when the service refuses, the same form again with what the person typed and the reasons."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except AppError as error:
            # The first call's transaction is rolled back; this one only draws the form, now invalid.
            return super().changeform_view(_refused(request, error), object_id, form_url, extra_context)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> type[ModelForm]:
        form: type[ModelForm] = super().get_form(request, obj, change=change, **kwargs)
        refusal: AppError | None = getattr(request, "refusal", None)
        return form if refusal is None else _form_with_refusal(form, refusal)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> Any:
        try:
            return super().delete_view(request, object_id, extra_context)
        except AppError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(self.address("change", unquote(object_id)))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list.  Skips Unfold's version, which keeps the request on the admin object that all threads share."""
        try:
            # Titles are plain names: "Select … to change" is no help in a list without choice.
            context = {"title": capfirst(self.opts.verbose_name_plural), **(extra_context or {})}
            response: HttpResponse = super(ModelAdmin, self).changelist_view(request, context)
        except AppError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(request.get_full_path())
        return response

    @property
    def media(self) -> Media:
        """As Django's: our filters bring no scripts, and Unfold's version reads the request of another thread."""
        media: Media = super(ModelAdmin, self).media
        return media

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return BackOfficeChangeList

    # --- addresses --------------------------------------------------------------------------------------------
    def address(self, page: str, *arguments: Any) -> str:
        """Path of a page of this admin: "changelist", "add", "change", "delete"."""
        return reverse(f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_{page}", args=arguments)


def _refused(request: HttpRequest, error: AppError) -> HttpRequest:
    request.refusal = error  # type: ignore[attr-defined]
    return request


def _form_with_refusal(form: type[ModelForm], refusal: AppError) -> type[ModelForm]:
    """The same form, which finds what the service found."""

    def _post_clean(self: Any) -> None:
        super(refused_form, self)._post_clean()
        for item in refusal.errors:
            self.add_error(item.field if item.field in self.fields else None, str(item.detail))
        if not refusal.errors:
            self.add_error(None, str(refusal))

    refused_form: type[ModelForm] = type(form.__name__, (form,), {"_post_clean": _post_clean})
    return refused_form
