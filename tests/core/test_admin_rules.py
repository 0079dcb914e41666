"""Rules that hold for every admin room, whoever wrote it."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin import FieldListFilter, SimpleListFilter
from django.db import models

from apps.core.admin import BackOfficeAdmin, ChoiceFilter, DateRangeFilter
from apps.core.admin.model_admin import BackOfficeAdmin as Base

ROOMS = sorted(admin.site._registry.items(), key=lambda item: item[0]._meta.label)
EACH_ROOM = pytest.mark.parametrize(
    "room", [room for _, room in ROOMS], ids=[model._meta.label_lower for model, _ in ROOMS]
)


def actions_of(room: Any) -> list[Any]:
    return [*room._get_base_actions_list(), *room._get_base_actions_row(), *room._get_base_actions_detail()]


@EACH_ROOM
def test_room_is_one_of_ours(room: Any) -> None:
    assert isinstance(room, BackOfficeAdmin)


@EACH_ROOM
def test_every_action_is_a_dialog_with_a_permission(room: Any) -> None:
    """A plain action of Unfold would run on GET."""
    plain = [action.action_name for action in actions_of(room) if not action.dialog]
    open_to_all = [action.action_name for action in actions_of(room) if not action.method.allowed_permissions]

    assert (plain, open_to_all) == ([], [])


@EACH_ROOM
@pytest.mark.django_db
def test_permissions_of_actions_exist(room: Any) -> None:
    from django.contrib.auth.models import Permission

    named = {name for action in actions_of(room) for name in action.method.allowed_permissions}
    known = {f"{label}.{code}" for label, code in Permission.objects.values_list("content_type__app_label", "codename")}

    assert named - known == set()


@EACH_ROOM
def test_filters_never_ask_the_table_for_its_values(room: Any) -> None:
    """``list_filter`` on a plain field runs SELECT DISTINCT over the whole table."""
    wrong = [item for item in room.list_filter if not _is_cheap(item)]

    assert wrong == []


def _is_cheap(item: Any) -> bool:
    if isinstance(item, tuple):
        return issubclass(item[1], ChoiceFilter | DateRangeFilter)
    return isinstance(item, type) and issubclass(item, SimpleListFilter | FieldListFilter)


@EACH_ROOM
def test_nothing_is_saved_past_the_services(room: Any) -> None:
    """Only the base class overrides what Django saves through."""
    for name in ("save_model", "save_related", "save_formset", "delete_model", "delete_queryset"):
        owner = next(cls for cls in type(room).__mro__ if name in vars(cls))
        assert owner is Base or not owner.__module__.startswith("apps."), f"{owner.__name__} overrides {name}"


@EACH_ROOM
def test_empty_list_says_what_would_stand_there(room: Any) -> None:
    assert room.empty_title


@EACH_ROOM
def test_inlines_only_show(room: Any) -> None:
    """Their rows would be saved past the services."""
    for inline in room.inlines:
        assert (inline.extra, inline.can_delete, inline.max_num) == (0, False, 0)


def test_list_of_a_growing_table_is_paged_by_key() -> None:
    from apps.core.admin import KeysetAdmin

    growing = {"articles.PendingArticle", "articles.Article", "articles.IngestRun", "taskhub.Task"}
    growing |= {"scheduler.TaskExecution", "audit.AuditEvent"}
    rooms: dict[str, Any] = {model._meta.label: room for model, room in ROOMS}

    assert [label for label in sorted(growing & rooms.keys()) if not isinstance(rooms[label], KeysetAdmin)] == []


def test_keysets_end_in_a_unique_field() -> None:
    from apps.core.admin import KeysetAdmin

    for model, room in ROOMS:
        if isinstance(room, KeysetAdmin):
            last: Any = model._meta.get_field(room.keyset_fields[-1].lstrip("-"))
            fields = [model._meta.get_field(name.lstrip("-")) for name in room.keyset_fields]
            assert last.unique
            assert not any(isinstance(field, models.Field) and field.null for field in fields)
