"""Boxes to tick: the fighters and events that a piece names, at the review desk and on the page of an article."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _

from apps.articles import services
from apps.articles.admin.forms import whole_number
from apps.articles.models import Article, Mention
from apps.articles.services.mentions import MOST_NAMED, of_article, ticked_beforehand
from apps.core.actor import Actor
from apps.core.admin import ChoiceFilter, chip, link
from apps.core.errors import AppError, ErrorCode
from apps.events.models import Event
from apps.fighters.models import Fighter

MOST_HITS = 8
MOST_OPTIONS = 100
LONGEST_QUESTION = 128


@dataclass(frozen=True, slots=True)
class NameBox:
    """``note`` tells two of one name apart; ``found`` is the text in which the name was recognised."""

    key: str
    label: str
    note: str
    found: str
    is_ticked: bool
    is_dismissed: bool


def boxes(mentions: Iterable[Mention]) -> list[NameBox]:
    return [
        NameBox(row.key, label_of(row), _note(row), row.found, ticked, row.is_dismissed)
        for row, ticked in ticked_beforehand(mentions)
    ]


def label_of(row: Mention) -> str:
    if row.event is not None:
        return row.event.name
    fighter = row.fighter
    assert fighter is not None
    kept = fighter.merged_into or fighter
    return f"{kept.name} {kept.name_zh}".strip()


def _note(row: Mention) -> str:
    if row.event is not None:
        return f"{localtime(row.event.starts_at):%Y-%m-%d}"
    fighter = row.fighter
    assert fighter is not None
    return " · ".join(filter(None, (fighter.weight_class, str(fighter.birth_date.year) if fighter.birth_date else "")))


def sent_naming(request: HttpRequest) -> services.Naming | None:
    """What the boxes say; None when there were none."""
    ticked, shown = request.POST.getlist("ticked")[: 2 * MOST_NAMED], request.POST.getlist("shown")[: 4 * MOST_NAMED]
    return services.Naming.ticked(ticked, shown) if ticked or shown else None


def find_names(request: HttpRequest) -> JsonResponse:
    """Fighters and events to add by hand, as one types."""
    typed = request.GET.get("q", "").strip()[:LONGEST_QUESTION].replace("\x00", "")
    people = Fighter.objects.search(typed, limit=MOST_HITS) if typed else []
    evenings = Event.objects.named_like(typed)[:MOST_HITS] if typed else []
    found = [
        {
            "key": f"fighter:{hit.id}",
            "label": f"{hit.name} {hit.name_zh}".strip(),
            "note": " · ".join(filter(None, (hit.weight_class, str(hit.birth_year or "")))),
        }
        for hit in people
    ]
    found += [
        {"key": f"event:{one.pk}", "label": one.name, "note": f"{localtime(one.starts_at):%Y-%m-%d}"}
        for one in evenings
    ]
    return JsonResponse({"items": found})


def chips_of(mentions: Iterable[Mention]) -> SafeString:
    """Each name with its state, leading to the fighter or event."""
    rows = sorted(mentions, key=lambda row: (row.is_dismissed, not row.is_confirmed, row.event_id is not None, row.pk))
    shown = format_html_join(
        "",
        "<li>{} {}</li>",
        ((link(_page_of(row), label_of(row)), chip(row.get_state_display(), _TONES[row.state])) for row in rows),
    )
    return format_html("<ul class='bjz-revisions'>{}</ul>", shown) if shown else format_html("–")


_TONES: dict[str, Any] = {"confirmed": "success", "suggested": "neutral", "dismissed": "warning"}


def _page_of(row: Mention) -> str:
    if row.event_id is not None:
        return reverse("admin:events_event_change", args=[row.event_id])
    return reverse("admin:fighters_fighter_change", args=[row.fighter_id])


class _NamedFilter(ChoiceFilter):
    """Rows that name somebody or something; the drop-down offers whom the newest rows name."""

    column = ""
    named: type[Fighter] | type[Event]

    def options(self) -> list[tuple[str, str]]:
        numbers = Mention.objects.lately(self.column, MOST_OPTIONS)
        if self.value:
            numbers.append(self._number())
        names = self.named._default_manager.filter(pk__in=numbers).order_by("name", "pk").values_list("pk", "name")
        return [(str(pk), name) for pk, name in names]

    def _number(self) -> int:
        number = whole_number(self.value)
        if number is None:
            raise IncorrectLookupParameters(self.value)
        return number


class FighterFilter(_NamedFilter):
    column, named = "fighter_id", Fighter

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.naming_fighter(self._number()) if self.value else queryset  # type: ignore[attr-defined]


class EventFilter(_NamedFilter):
    column, named = "event_id", Event

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.naming_event(self._number()) if self.value else queryset  # type: ignore[attr-defined]


class ArticleNames:
    """The page on which the names of an article are chosen, mixed into the admin of articles."""

    admin_site: Any
    opts: Any
    address: Callable[..., str]

    def get_urls(self) -> list[Any]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_names"
        ours = path("<int:object_id>/names/", self.admin_site.admin_view(self.names), name=name)
        return [ours, *super().get_urls()]  # type: ignore[misc]

    def names(self, request: HttpRequest, object_id: int) -> HttpResponse:
        if not request.user.has_perm("articles.change_article"):
            raise PermissionDenied
        article = Article.objects.for_admin_list().filter(pk=object_id).first()
        if article is None:
            raise Http404
        if request.method != "POST":
            return self._drawn(request, article)
        try:
            services.name_article(
                object_id,
                sent_naming(request) or services.Naming(),
                actor=Actor.of_user(request.user),
                # No number: not sent by our page, so it can't be the present version.
                expected_version=whole_number(request.POST.get("version", "")) or 0,
            )
        except AppError as error:
            article = Article.objects.for_admin_list().get(pk=object_id)
            status = 412 if error.code == ErrorCode.PRECONDITION_FAILED else 400
            return self._drawn(request, article, problem=str(error), status=status)
        messages.success(request, _("The names have been saved."))
        return HttpResponseRedirect(self.address("change", object_id))

    def _drawn(self, request: HttpRequest, article: Article, *, problem: str = "", status: int = 200) -> HttpResponse:
        """After a refusal with the names as they are now, and beside them what the person had ticked."""
        names = boxes(of_article(article))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Fighters and events"),
            "article": article,
            "names": names,
            "problem": problem,
            "had_ticked": _labels(request.POST.getlist("ticked")[:MOST_NAMED]) if problem else [],
            "search_address": reverse("admin:articles_pendingarticle_names"),
            "article_address": self.address("change", article.pk),
        }
        return TemplateResponse(request, "articles/names.html", context, status=status)


def _labels(keys: Iterable[str]) -> list[str]:
    """The names behind keys as a form sent them; what is none is left out."""
    wanted: dict[str, list[int]] = {"fighter": [], "event": []}
    for key in keys:
        kind, _colon, text = key.partition(":")
        number = whole_number(text)
        if kind in wanted and number is not None:
            wanted[kind].append(number)
    people = Fighter.objects.filter(pk__in=wanted["fighter"]).values_list("name", flat=True)
    evenings = Event.objects.filter(pk__in=wanted["event"]).values_list("name", flat=True)
    return [*people, *evenings]
