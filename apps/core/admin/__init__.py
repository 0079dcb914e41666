"""The back-office: what every admin room of ours builds on.

The only package that imports ``unfold``.  An admin room of an app looks like this::

    from apps.core.admin import BackOfficeAdmin, ChoiceFilter, chip, dialog_action, when

    @admin.register(Source)
    class SourceAdmin(BackOfficeAdmin):
        list_display = ("name", "status_chip", "polled")
        list_filter = (("status", ChoiceFilter),)
        may_change = True
        actions_row = actions_detail = ("fetch_now",)

        def perform_save(self, request, obj, form, change):
            services.change_source(obj.pk, actor=Actor.of_user(request.user), **form.cleaned_data)

        @dialog_action(description=_("Fetch now"), permission="articles.fetch_source", icon="download")
        def fetch_now(self, request, obj, form):
            services.fetch(obj.pk, actor=Actor.of_user(request.user))
            return _("The fetch has been queued.")

It promises: a GET changes nothing; every change goes through a service, whose ``AppError`` the person reads as a
sentence; nothing is kept on the admin object between requests (it is shared by all threads).
"""

from apps.core.admin.dialogs import DialogForm, dialog_action
from apps.core.admin.display import chip, json_block, link, mono, once_a_page, when
from apps.core.admin.filters import ChoiceFilter, DateRangeFilter
from apps.core.admin.keyset import KeysetAdmin
from apps.core.admin.model_admin import BackOfficeAdmin

__all__ = [
    "BackOfficeAdmin",
    "ChoiceFilter",
    "DateRangeFilter",
    "DialogForm",
    "KeysetAdmin",
    "chip",
    "dialog_action",
    "json_block",
    "link",
    "mono",
    "once_a_page",
    "when",
]
