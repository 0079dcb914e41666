"""A fighter's page: what is known and from whom, news, photos, other spellings, who changed what."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext, pgettext_lazy

from apps.audit.services.story import story_of
from apps.core.actor import Actor
from apps.core.admin import (
    BackOfficeAdmin,
    ChoiceFilter,
    chip,
    dialog_action,
    json_block,
    link,
    once_a_page,
    when,
)
from apps.fighters import services
from apps.fighters.admin.forms import (
    SEEN_VERSION,
    FighterForm,
    PhotoForm,
    ReleaseForm,
    RemovePhotoForm,
    RemoveSpellingForm,
    SpellingForm,
    UpdateForm,
)
from apps.fighters.models import Fighter
from apps.fighters.registry import profile_sections
from apps.fighters.services import provenance

_CHANGE = "fighters.change_fighter"
MOST_HITS = 100
SHOWN = 8
MOST_BOUTS = 50


@admin.register(Fighter)
class FighterAdmin(BackOfficeAdmin):
    may_add = may_change = True
    form = FighterForm
    list_display = ("name", "name_zh", "weight_class", "record", "born", "fought", "kind")
    list_filter = (("is_unconfirmed", ChoiceFilter), ("is_manual", ChoiceFilter))
    search_fields = ("name",)
    search_help_text = _("Name, Chinese name, pinyin, initials or nickname")
    actions_detail = ("add_update", "add_photo", "remove_photo", "add_spelling", "remove_spelling", "release")
    fieldsets = (
        (_("Career"), {"fields": ("glance", "bouts", "standing", "news")}),
        (
            _("Profile"),
            {
                "fields": (
                    *("name", "name_zh", "nickname", "country", "weight_class", "stance", "birth_date", "record"),
                    SEEN_VERSION,
                )
            },
        ),
        (_("Measures"), {"fields": ("weight_g", "height_mm", "reach_mm")}),
        (_("Pictures"), {"fields": ("avatar_url", "intro_video_url", "photos")}),
        (_("Identity"), {"fields": ("spellings", "ids", "locks", "is_manual", "is_unconfirmed", "page")}),
        (_("History"), {"fields": ("statistics", "changes")}),
    )
    readonly_fields = (
        "glance", "standing", "bouts", "news", "photos", "spellings", "ids", "locks", "is_manual", "is_unconfirmed",
        "page", "statistics", "changes",
    )  # fmt: skip
    empty_title = _("No fighters yet")
    empty_text = _("Fighters come with an import, or are entered by hand.")

    class Media:
        js = ("fighters/search.js",)
        css = {"all": ("fighters/admin.css",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Fighter]:
        return Fighter.objects.alive().order_by("name", "id")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> Any:
        """As readers search: accents, pinyin, order and typing errors do not matter."""
        if not search_term.strip():
            return queryset, False
        found = [hit.id for hit in Fighter.objects.search(search_term[:128], limit=MOST_HITS)]
        return queryset.filter(pk__in=found), False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Whoever may change fighters may enter them (decision 10's table)."""
        return bool(request.user.has_perm(_CHANGE))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        shown = super().get_fieldsets(request, obj)
        # No version of somebody new, and none to send for who may only look.
        left_out = set() if obj is not None and self.has_change_permission(request, obj) else {SEEN_VERSION}
        if obj is None:
            left_out |= set(self.readonly_fields)
        kept = [
            (title, {"fields": [name for name in group["fields"] if name not in left_out]}) for title, group in shown
        ]
        return [(title, group) for title, group in kept if group["fields"]]

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and db_field.name == "birth_date":
            # The browser's own field: no clock, no warning of time zones, no calendar that begins today.
            field.widget.input_type, field.widget.format = "date", "%Y-%m-%d"
            field.widget.attrs["class"] = field.widget.attrs.get("class", "").replace("vDateField", "")
        return field

    def perform_save(self, request: HttpRequest, obj: Any, form: forms.ModelForm, change: bool) -> Model:
        actor = Actor.of_user(request.user)
        given = {name: form.cleaned_data[name] for name in form.changed_data if name in services.EDITABLE_FIELDS}
        if not change:
            return services.create_fighter(actor=actor, **given)
        seen = form.cleaned_data[SEEN_VERSION]
        return services.edit_fighter(obj.pk, actor=actor, expected_version=seen, **given)

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> HttpResponse:
        """An old address leads to whom the fighter was merged into, as it does for readers."""
        asked = unquote(object_id)
        number = int(asked) if asked.isdecimal() and len(asked) < 19 else 0
        merged = Fighter.objects.filter(pk=number, merged_into__isnull=False).only("name", "merged_into_id").first()
        if merged is None:
            gone: HttpResponse = super()._get_obj_does_not_exist_redirect(request, opts, object_id)
            return gone
        messages.info(request, str(_("%(name)s was merged into this fighter.") % {"name": merged.name}))
        return HttpResponseRedirect(self.address("change", merged.merged_into_id))

    # --- what people add --------------------------------------------------------------------------------------
    @dialog_action(description=_("Add news"), permission=_CHANGE, form=UpdateForm, icon="campaign")
    def add_update(self, request: HttpRequest, obj: Any, form: Any) -> Any:
        services.add_update(obj.pk, form.cleaned_data["content"], actor=Actor.of_user(request.user))
        return _("The update has been published.")

    @dialog_action(description=_("Add photo"), permission=_CHANGE, form=PhotoForm, icon="add_a_photo")
    def add_photo(self, request: HttpRequest, obj: Any, form: Any) -> Any:
        given = {name: form.cleaned_data[name] for name in ("url", "caption", "credit")}
        services.add_media(obj.pk, actor=Actor.of_user(request.user), **given)
        return _("The photo has been added.")

    @dialog_action(
        description=_("Add spelling"),
        permission=_CHANGE,
        form=SpellingForm,
        icon="spellcheck",
        confirm=_("The fighter is found by it, and importers take it for this fighter."),
    )
    def add_spelling(self, request: HttpRequest, obj: Any, form: Any) -> Any:
        services.add_alias(obj.pk, form.cleaned_data["name"], actor=Actor.of_user(request.user))
        return _("The spelling has been added.")

    @dialog_action(
        description=_("Remove photo"),
        permission=_CHANGE,
        form=RemovePhotoForm,
        icon="hide_image",
        variant="danger",
        confirm=_("Readers no longer see it."),
        applies=lambda fighter: fighter.media.exists(),
    )
    def remove_photo(self, request: HttpRequest, obj: Any, form: Any) -> Any:
        services.remove_media(int(form.cleaned_data["photo"]), actor=Actor.of_user(request.user))
        return _("The photo has been removed.")

    @dialog_action(
        description=_("Remove spelling"),
        permission=_CHANGE,
        form=RemoveSpellingForm,
        icon="playlist_remove",
        variant="danger",
        confirm=_("The fighter is no longer found by it, and importers no longer take it for this fighter."),
        applies=lambda fighter: fighter.aliases.exists(),
    )
    def remove_spelling(self, request: HttpRequest, obj: Any, form: Any) -> Any:
        services.remove_alias(obj.pk, int(form.cleaned_data["alias"]), actor=Actor.of_user(request.user))
        return _("The spelling has been removed.")

    @dialog_action(
        description=_("Release field"),
        permission=_CHANGE,
        form=ReleaseForm,
        icon="lock_open",
        confirm=_("The next import may overwrite the field."),
        applies=lambda fighter: bool(provenance.locked_fields(fighter)),
    )
    def release(self, request: HttpRequest, obj: Any, form: Any) -> Any:
        services.release_fields(obj.pk, [form.cleaned_data["field"]], actor=Actor.of_user(request.user))
        return _("The field follows its sources again.")

    # --- cells ------------------------------------------------------------------------------------------------
    @admin.display(description=_("born"), ordering="birth_date")
    def born(self, fighter: Fighter) -> str:
        return str(fighter.birth_date.year) if fighter.birth_date else "–"

    @admin.display(description=_("last bout"), ordering="last_bout_on")
    def fought(self, fighter: Fighter) -> str:
        return fighter.last_bout_on.isoformat() if fighter.last_bout_on else "–"

    @admin.display(description=_("kind"))
    def kind(self, fighter: Fighter) -> SafeString:
        if fighter.is_unconfirmed:
            return chip(_("known by name only"), "warning")
        return chip(_("by hand"), "info") if fighter.is_manual else chip("", "neutral")

    @admin.display(description=_("rankings"))
    @once_a_page
    def standing(self, fighter: Fighter) -> SafeString:
        rows = [
            (row.division, _("champion") if row.place == 0 else f"#{row.place}", row.valid_from, row.valid_to or "")
            for row in fighter.rankings.order_by("-valid_from")[:SHOWN]
        ]
        return _rows("<li>{} <strong>{}</strong> <span class='bjz-muted'>{} – {}</span></li>", rows)

    @admin.display(description=_("at a glance"))
    @once_a_page
    def glance(self, fighter: Fighter) -> SafeString:
        told = [
            (fighter.record or "–", pgettext("fighter", "record")),
            (_age(fighter), _("years old")),
            (f"{fighter.height_mm / 10:.0f} / {_centimetres(fighter.reach_mm)}" if fighter.height_mm else "–",
             _("height and reach, cm")),
            (_place(fighter.best_rank), _("best current rank")),
            (self.fought(fighter), _("last bout")),
        ]  # fmt: skip
        made = format_html_join("", "<div><dt>{}</dt><dd>{}</dd></div>", ((name, value) for value, name in told))
        return format_html("<dl class='bjz-glance'>{}</dl>", made)

    @admin.display(description=_("bouts"))
    @once_a_page
    def bouts(self, fighter: Fighter) -> SafeString:
        """As events tell it: this app knows no bouts."""
        sections = profile_sections()
        told = [
            bout for name in ("next_bouts", "past_bouts") if name in sections for bout in sections[name](fighter.pk)
        ]
        rows = [
            (
                bout["starts_at"].date(),
                chip(_OUTCOMES.get(bout["outcome"], _("to come")), _OUTCOME_TONES.get(bout["outcome"], "neutral")),
                reverse("admin:fighters_fighter_change", args=[bout["opponent_id"]]),
                bout["opponent_name"],
                _ending(bout),
                bout["event_name"],
            )
            for bout in told[:MOST_BOUTS]
        ]
        shown = _rows(
            "<li><span class='bjz-muted'>{}</span> {} <a class='bjz-link' href='{}' dir='auto'>{}</a> "
            "<span>{}</span> <span class='bjz-muted' dir='auto'>{}</span></li>",
            rows,
            kind="bjz-fighter-bouts",
        )
        left = len(told) - len(rows)
        return format_html("{}<p class='bjz-muted'>+ {}</p>", shown, left) if left else shown

    @admin.display(description=pgettext_lazy("fighter", "news"))
    @once_a_page
    def news(self, fighter: Fighter) -> SafeString:
        rows = [(when(update.published_at), update.content) for update in fighter.updates.newest_first()[:SHOWN]]
        return _rows("<li><span class='bjz-muted'>{}</span> {}</li>", rows)

    @admin.display(description=_("photos"))
    @once_a_page
    def photos(self, fighter: Fighter) -> SafeString:
        rows = [(photo.url, photo.caption or photo.url, photo.credit) for photo in fighter.media.order_by("id")[:SHOWN]]
        return _rows(
            "<li><a class='bjz-link' target='_blank' rel='noopener noreferrer nofollow' href='{}'>{}</a> "
            "<span class='bjz-muted'>{}</span></li>",
            rows,
        )

    @admin.display(description=_("other spellings"))
    def spellings(self, fighter: Fighter) -> str:
        return ", ".join(self._other_names(fighter)[0]) or "–"

    @admin.display(description=_("ids at sources"))
    def ids(self, fighter: Fighter) -> str:
        return ", ".join(self._other_names(fighter)[1]) or "–"

    @once_a_page
    def _other_names(self, fighter: Fighter) -> tuple[list[str], list[str]]:
        """Spellings, and ids at sources: a handful of each, so one query for their pairs is cheaper than two."""
        pairs = Fighter.objects.filter(pk=fighter.pk).values_list(
            "aliases__name", "external_ids__source", "external_ids__external_id"
        )
        names = sorted({name for name, _source, _id in pairs if name})
        ids = sorted({f"{source}:{external_id}" for _name, source, external_id in pairs if source})
        return names, ids

    @admin.display(description=_("locked by people"))
    def locks(self, fighter: Fighter) -> str:
        held = provenance.locked_fields(fighter)
        names = (f"{Fighter._meta.get_field(name).verbose_name} ({by})" for name, by in sorted(held.items()))  # type: ignore[union-attr]
        return ", ".join(names) or "–"

    @admin.display(description=_("page at the source"))
    def page(self, fighter: Fighter) -> SafeString:
        return link(fighter.external_url, fighter.external_url)

    @admin.display(description=_("statistics"))
    def statistics(self, fighter: Fighter) -> Any:
        return json_block(fighter.stats)

    @admin.display(description=_("who changed what"))
    @once_a_page
    def changes(self, fighter: Fighter) -> SafeString:
        told = story_of("fighter", fighter.pk, most=20)
        rows = [
            (when(line.at), line.actor, line.label, ", ".join(str(change.label) for change in line.changes))
            for line in told
        ]
        return _rows("<li><span class='bjz-muted'>{}</span> {} <strong>{}</strong> {}</li>", rows)


_OUTCOMES = {
    "win": pgettext_lazy("outcome", "win"),
    "loss": pgettext_lazy("outcome", "loss"),
    "draw": pgettext_lazy("outcome", "draw"),
    "no_contest": pgettext_lazy("outcome", "no contest"),
}
_OUTCOME_TONES = {"win": "success", "loss": "danger"}
# As the profile names them; events, which stand above, know more of them.
_METHODS = {
    "ko_tko": pgettext_lazy("bout method", "KO/TKO"),
    "submission": pgettext_lazy("bout method", "submission"),
    "decision_unanimous": pgettext_lazy("bout method", "unanimous decision"),
    "decision_split": pgettext_lazy("bout method", "split decision"),
    "decision_majority": pgettext_lazy("bout method", "majority decision"),
    "decision_technical": pgettext_lazy("bout method", "technical decision"),
    "decision": pgettext_lazy("bout method", "decision"),
    "tko_doctor": pgettext_lazy("bout method", "TKO, doctor's stoppage"),
    "could_not_continue": pgettext_lazy("bout method", "could not continue"),
    "disqualified": pgettext_lazy("bout method", "disqualification"),
    "overturned": pgettext_lazy("bout method", "overturned"),
    "other": pgettext_lazy("bout method", "other"),
}


def _ending(bout: dict[str, Any]) -> str:
    """ "submission · R3 4:12"; empty for a bout that is to come."""
    if not bout["outcome"]:
        return ""
    method = str(_METHODS.get(bout["method"], bout["method"]))
    clock = f" {bout['time_sec'] // 60}:{bout['time_sec'] % 60:02}" if bout["time_sec"] is not None else ""
    return " · ".join(filter(None, (method, f"R{bout['round']}{clock}" if bout["round"] else "")))


def _age(fighter: Fighter) -> str:
    if fighter.birth_date is None:
        return "–"
    today, born = timezone.localdate(), fighter.birth_date
    return str(today.year - born.year - ((today.month, today.day) < (born.month, born.day)))


def _centimetres(millimetres: int | None) -> str:
    return "–" if millimetres is None else f"{millimetres / 10:.0f}"


def _place(place: int | None) -> Any:
    if place is None:
        return "–"
    return _("champion") if place == 0 else f"#{place}"


def _rows(row: str, values: Any, *, kind: str = "") -> SafeString:
    made = format_html_join("", row, values)
    return format_html("<ul class='bjz-fighter-rows {}'>{}</ul>", kind, made) if made else format_html("–")
