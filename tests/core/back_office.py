"""A back-office of its own for the tests of the base classes: users, with every kind of door."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.http import HttpRequest
from django.urls import include, path
from unfold.sites import UnfoldAdminSite

from apps.core.admin import BackOfficeAdmin, ChoiceFilter, DateRangeFilter, DialogForm, KeysetAdmin, dialog_action
from apps.core.errors import Conflict, FieldError, Invalid
from apps.users.models import User


class RenameForm(DialogForm):
    name = forms.CharField(max_length=20)


class UserAdmin(BackOfficeAdmin):
    fields = ("username", "email", "status")
    list_display = ("username", "status")
    list_filter = (("status", ChoiceFilter), ("is_staff", ChoiceFilter), ("created_at", DateRangeFilter))
    ordering = ("pk",)
    search_fields = ("username",)
    may_add = may_change = may_delete = True
    actions_row = actions_detail = ("rename", "refuse")
    actions_list = ("count",)
    empty_title = "Nobody here"
    calls: ClassVar[list[Any]] = []

    def perform_save(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> User:
        self.calls.append(("save", obj.username, change))
        if obj.username == "taken":
            raise Conflict("This name is taken.")
        if obj.username == "bad":
            raise Invalid(errors=[FieldError("username", "bad", "Bad name."), FieldError("else", "odd", "Odd.")])
        if change:
            User.objects.filter(pk=obj.pk).update(username=obj.username)
            return obj
        return User.objects.create_user(username=obj.username, email=obj.email)

    def perform_delete(self, request: HttpRequest, obj: Any) -> None:
        self.calls.append(("delete", obj.username))
        if obj.username == "keep":
            raise Conflict("This one stays.")
        obj.delete()

    @dialog_action(
        description="Rename",
        permission="users.change_user",
        form=RenameForm,
        confirm=lambda obj: f"Rename {obj.username}?",
        applies=lambda obj: obj.status == User.Status.ACTIVE,
    )
    def rename(self, request: HttpRequest, obj: Any, form: Any) -> str:
        if form.cleaned_data["name"] == "bad":
            raise Invalid(errors=[FieldError("name", "bad", "Bad name.")])
        User.objects.filter(pk=obj.pk).update(username=form.cleaned_data["name"])
        return "Renamed."

    @dialog_action(description="Refuse", permission="users.change_user")
    def refuse(self, request: HttpRequest, obj: Any, form: Any) -> str:
        raise Conflict("Already done.")

    @dialog_action(description="Count", permission="users.view_user")
    def count(self, request: HttpRequest, obj: Any, form: Any) -> str:
        return f"{User.objects.count()} users, {obj}"


class KeysetUser(User):
    class Meta:
        proxy = True
        app_label = "users"


class KeysetUserAdmin(KeysetAdmin):
    list_display = ("username",)
    list_filter = (("status", ChoiceFilter),)
    list_per_page = 10
    keyset_fields = ("-created_at", "-id")


site = UnfoldAdminSite(name="admin")
site.register(User, UserAdmin)
site.register(KeysetUser, KeysetUserAdmin)

urlpatterns = [path("admin/", site.urls), path("i18n/", include("django.conf.urls.i18n"))]


def history_of(request: HttpRequest, obj: Any) -> str:
    return f"/history/{obj.pk}/" if obj.username != "nohistory" else ""
