"""Admin rooms that installed packages bring along (groups, tokens, schedules of django-celery-beat): none of them.

They save past our services, without audit and without our lists' manners.  What a person needs of them, an app of
ours offers in a room of its own.
"""

from __future__ import annotations

from django.contrib import admin

from apps.core.admin.model_admin import BackOfficeAdmin


def close_foreign_rooms() -> None:
    """Once, after all admin rooms were found."""
    for model, model_admin in list(admin.site._registry.items()):
        if not isinstance(model_admin, BackOfficeAdmin):
            admin.site.unregister(model)
