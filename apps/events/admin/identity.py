"""The identity desk: open names with candidates and evidence, suggested merges, and what can be undone.

Worked with the keyboard: numbers choose a candidate, ``n`` a new fighter, ``x`` nobody, ``j``/``k`` the next or
previous name or pair, ``m`` and ``d`` one person or two, ``u`` takes back one's own last decision.  Every button is a
plain form of its own, so the page works without script too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.core.actor import Actor
from apps.core.admin import BackOfficeAdmin, ChoiceFilter, DialogForm, KeysetAdmin, chip, dialog_action, link, when
from apps.core.errors import AppError
from apps.events.admin.recent import DECIDE, MERGE, recent_decisions
from apps.events.models import Bout
from apps.events.services import identity
from apps.events.services.asking_again import ask_again, ask_pair_again
from apps.events.services.suggestions import candidates_for, suggested_pairs
from apps.fighters.models import FighterMerge, UnmatchedName

VIEW = "fighters.view_unmatchedname"
MOST_NAMES = 60
TONES = {
    UnmatchedName.Status.OPEN: "warning",
    UnmatchedName.Status.MATCHED: "success",
    UnmatchedName.Status.NEW: "info",
    UnmatchedName.Status.DISMISSED: "neutral",
}


class MergeForm(DialogForm):
    loser = forms.IntegerField(label=_("number of the fighter to give up"), min_value=1)
    survivor = forms.IntegerField(label=_("number of the fighter to keep"), min_value=1)
    reason = forms.CharField(label=_("reason"), max_length=identity.REASON_LENGTH)


class SplitForm(DialogForm):
    fighter = forms.IntegerField(label=_("number of the fighter"), min_value=1)
    bouts = forms.RegexField(
        r"^\s*\d{1,18}(\s*,\s*\d{1,18})*\s*$", label=_("numbers of the bouts of the second person, with commas")
    )
    name = forms.CharField(label=_("name of the second person"), max_length=128, required=False)
    reason = forms.CharField(label=_("reason"), max_length=identity.REASON_LENGTH)


@admin.register(UnmatchedName)
class UnmatchedNameAdmin(BackOfficeAdmin):
    list_display = ("name", "why", "mentions", "state", "who", "source")
    list_filter = (("status", ChoiceFilter), ("cause", ChoiceFilter))
    search_fields = ("name",)
    search_help_text = _("Name")
    fields = ("name", "why", "mentions", "state", "who", "source", "decided_by", "since")
    readonly_fields = fields
    actions_row = actions_detail = ("ask_again",)
    empty_title = _("Every name is somebody")
    empty_text = _("Names that an import cannot give to one fighter wait here for a person.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[UnmatchedName]:
        return UnmatchedName.objects.for_admin_list()

    def get_urls(self) -> list[Any]:
        prefix = f"{self.opts.app_label}_{self.opts.model_name}"
        return [path("desk/", self.admin_site.admin_view(self.desk), name=f"{prefix}_desk"), *super().get_urls()]

    # --- the desk ---------------------------------------------------------------------------------------------
    def desk(self, request: HttpRequest) -> HttpResponse:
        if not request.user.has_perm(VIEW):
            raise PermissionDenied
        if request.method == "POST":
            return self._decide(request)
        tab = "pairs" if request.GET.get("tab") == "pairs" else "names"
        context = {
            **self.admin_site.each_context(request),
            "title": _("Identity desk"),
            "tab": tab,
            "desk_address": self.address("desk"),
            "may_decide": request.user.has_perm(DECIDE),
            "may_merge": request.user.has_perm(MERGE),
            "waiting": UnmatchedName.objects.waiting().count(),
            "recent": recent_decisions(request),
        }
        context |= {"page": suggested_pairs(_number(request))} if tab == "pairs" else _names(request)
        return TemplateResponse(request, "events/identity_desk.html", context)

    def _decide(self, request: HttpRequest) -> HttpResponse:
        """One POST, one service; back to the same place of the desk."""
        deed = _DEEDS.get(request.POST.get("deed", ""))
        if deed is None:
            return HttpResponseRedirect(self.address("desk"))
        permission, act = deed
        if not request.user.has_perm(permission):
            raise PermissionDenied
        try:
            messages.success(request, str(act(request.POST, Actor.of_user(request.user))))
        except AppError as error:
            messages.error(request, str(error))
        except (KeyError, ValueError):
            messages.error(request, str(_("A parameter is invalid.")))
        page = request.POST.get("page", "")
        page = f"&page={page}" if page.isdecimal() and len(page) < 6 else ""
        tab = f"?tab=pairs{page}" if permission == MERGE and request.POST.get("tab") == "pairs" else ""
        following = request.POST.get("next", "")
        return HttpResponseRedirect(
            self.address("desk") + (tab or (f"?name={following}" if following.isdigit() else ""))
        )

    @dialog_action(
        description=_("Ask again"),
        permission=DECIDE,
        icon="undo",
        confirm=_("The decision is taken back: the name is open again, with its bouts."),
        applies=lambda name: not name.is_open,
    )
    def ask_again(self, request: HttpRequest, obj: Any, form: Any) -> Any:
        actor = Actor.of_user(request.user)
        return _ask_again({"question": obj.pk, "version": obj.version}, actor)

    # --- cells ------------------------------------------------------------------------------------------------
    @admin.display(description=_("cause"), ordering="cause")
    def why(self, name: UnmatchedName) -> str:
        return str(name.get_cause_display())

    @admin.display(description=_("status"), ordering="status")
    def state(self, name: UnmatchedName) -> SafeString:
        return chip(name.get_status_display(), TONES[UnmatchedName.Status(name.status)])

    @admin.display(description=_("fighter"))
    def who(self, name: UnmatchedName) -> SafeString:
        if name.fighter_id is None:
            return link("", "–")
        return link(reverse("admin:fighters_fighter_change", args=[name.fighter_id]), name.fighter)

    @admin.display(description=_("since"))
    def since(self, name: UnmatchedName) -> SafeString:
        return when(name.created_at)


def _number(request: HttpRequest) -> int:
    text = request.GET.get("page", "")
    return int(text) if text.isdecimal() and len(text) < 6 else 1


def _names(request: HttpRequest) -> dict[str, Any]:
    names = list(UnmatchedName.objects.waiting().for_admin_list()[:MOST_NAMES])
    asked = request.GET.get("name", "")
    current = next((name for name in names if str(name.pk) == asked), names[0] if names else None)
    if current is None:
        return {"names": [], "current": None}
    place = names.index(current)
    bouts = _bouts(current)
    return {
        "names": names,
        "current": current,
        "following": names[place + 1].pk if place + 1 < len(names) else "",
        "previous": names[place - 1].pk if place else "",
        "candidates": candidates_for(current),
        "bouts": bouts,
        "fighter_address": reverse("admin:fighters_fighter_change", args=[current.fighter_id])
        if current.fighter_id
        else "",
    }


def _bouts(name: UnmatchedName) -> list[Bout]:
    if name.fighter_id is None:
        return []
    rows = Bout.objects.filter(Q(red_fighter=name.fighter_id) | Q(blue_fighter=name.fighter_id))
    return list(rows.select_related("event", "red_fighter", "blue_fighter").order_by("-event__starts_at", "id")[:50])


# --- deeds by name: permission and what is done --------------------------------------------------------------------
def _match(sent: Any, actor: Actor) -> Any:
    chosen = [int(text) for text in sent.getlist("bout")]
    question = identity.match_name(
        int(sent["question"]),
        int(sent["fighter"]),
        actor=actor,
        bout_ids=chosen or None,
        expected_version=int(sent["version"]),
    )
    return _("%(name)s has been matched.") % {"name": question.name}


def _new(sent: Any, actor: Actor) -> Any:
    question = identity.confirm_new(int(sent["question"]), actor=actor, expected_version=int(sent["version"]))
    return _("%(name)s is a fighter of their own now.") % {"name": question.name}


def _nobody(sent: Any, actor: Actor) -> Any:
    question = identity.dismiss_name(int(sent["question"]), actor=actor, expected_version=int(sent["version"]))
    return _("%(name)s is not asked again.") % {"name": question.name}


def _merge(sent: Any, actor: Actor) -> Any:
    identity.merge_fighters(int(sent["other"]), int(sent["kept"]), actor=actor)
    return _("They are one fighter now; the old address leads to it.")


def _apart(sent: Any, actor: Actor) -> Any:
    identity.keep_apart(int(sent["kept"]), int(sent["other"]), actor=actor)
    return _("They stay two people and are not suggested again.")


def _undo(sent: Any, actor: Actor) -> Any:
    merge = identity.undo(int(sent["merge"]), actor=actor)
    return _undone(merge.fighter, "→", merge.other)


def _ask_again(sent: Any, actor: Actor) -> Any:
    question = ask_again(int(sent["question"]), actor=actor, expected_version=int(sent["version"]))
    return _("%(name)s is asked again.") % {"name": question.name}


def _pair_again(sent: Any, actor: Actor) -> Any:
    pair = ask_pair_again(int(sent["pair"]), actor=actor)
    return _undone(pair.lower, "≠", pair.higher)


def _undone(one: Any, joined: str, other: Any) -> Any:
    return _("Undone: %(what)s.") % {"what": f"{one} {joined} {other}"}


_DEEDS: dict[str, tuple[str, Callable[[Any, Actor], Any]]] = {
    "match": (DECIDE, _match),
    "new": (DECIDE, _new),
    "nobody": (DECIDE, _nobody),
    "merge": (MERGE, _merge),
    "apart": (MERGE, _apart),
    "undo": (MERGE, _undo),
    "ask_again": (DECIDE, _ask_again),
    "pair_again": (MERGE, _pair_again),
}


@admin.register(FighterMerge)
class FighterMergeAdmin(KeysetAdmin):
    list_display = ("what", "given_up", "kept", "moved_bouts", "actor_label", "state", "made")
    list_filter = (("kind", ChoiceFilter),)
    actions_list = ("merge", "split")
    actions_row = actions_detail = ("undo",)
    fields = ("what", "given_up", "kept", "moved_bouts", "reason", "actor_label", "state", "made")
    readonly_fields = fields
    empty_title = _("Nobody was merged or split yet")
    empty_text = _("Suggested merges stand at the identity desk.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return FighterMerge.objects.for_admin_list()

    @dialog_action(
        description=_("Merge two fighters"),
        permission=MERGE,
        form=MergeForm,
        icon="merge",
        confirm=_("All bouts, spellings and news of the one become the other's; the old address leads there."),
    )
    def merge(self, request: HttpRequest, obj: Any, form: Any) -> Any:
        sent = form.cleaned_data
        actor = Actor.of_user(request.user)
        identity.merge_fighters(sent["loser"], sent["survivor"], actor=actor, reason=sent["reason"])
        return _("They are one fighter now; the old address leads to it.")

    @dialog_action(
        description=_("Split a fighter"),
        permission=MERGE,
        form=SplitForm,
        icon="call_split",
        confirm=_("These bouts become those of a second person, who is made."),
    )
    def split(self, request: HttpRequest, obj: Any, form: Any) -> Any:
        sent = form.cleaned_data
        bouts = [int(number) for number in sent["bouts"].split(",")]
        made = identity.split_fighter(
            sent["fighter"], bouts, actor=Actor.of_user(request.user), name=sent["name"], reason=sent["reason"]
        )
        return _("The second person is fighter number %(number)s.") % {"number": made.fighter_id}

    @dialog_action(
        description=_("Undo"),
        permission=MERGE,
        icon="undo",
        confirm=_("Every bout goes back to where it was."),
        applies=lambda merge: not merge.is_undone,
    )
    def undo(self, request: HttpRequest, obj: Any, form: Any) -> Any:
        merge = identity.undo(obj.pk, actor=Actor.of_user(request.user))
        return _undone(merge.fighter, "→", merge.other)

    @admin.display(description=_("kind"))
    def what(self, merge: FighterMerge) -> str:
        return str(merge.get_kind_display())

    @admin.display(description=_("fighter"))
    def given_up(self, merge: FighterMerge) -> SafeString:
        return link(reverse("admin:fighters_fighter_change", args=[merge.fighter_id]), merge.fighter)

    @admin.display(description=_("other fighter"))
    def kept(self, merge: FighterMerge) -> SafeString:
        return link(reverse("admin:fighters_fighter_change", args=[merge.other_id]), merge.other)

    @admin.display(description=_("bouts moved"))
    def moved_bouts(self, merge: FighterMerge) -> str:
        return str(len(merge.moved.get("bouts", [])))

    @admin.display(description=_("status"))
    def state(self, merge: FighterMerge) -> SafeString:
        return chip(_("undone"), "neutral") if merge.is_undone else chip(_("in force"), "success")

    @admin.display(description=_("made"))
    def made(self, merge: FighterMerge) -> SafeString:
        return when(merge.created_at)
