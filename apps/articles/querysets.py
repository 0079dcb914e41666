"""Reads of the articles app: a method completes the sentence "sources due", "pieces awaiting review"."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self, TypeVar

from django.db import models
from django.db.models.functions import Coalesce

from apps.articles.title_keys import asked_keys, beginning_with
from apps.fighters.models import Fighter

if TYPE_CHECKING:
    from apps.articles.models import (  # noqa: F401  # below
        Article,
        IngestRun,
        IngestRunError,
        Mention,
        PendingArticle,
        ReviewStep,
        Source,
        Story,
    )

# Titles that are read one by one for what is no word of any: one or two milliseconds.
NEWEST_TITLES = 1000
NEWEST_MENTIONS = 2_000
# Nobody takes back more deeds one after the other.
NEWEST_STEPS = 200
WEEK, MONTH = timedelta(days=7), timedelta(days=30)


class SourceQuerySet(models.QuerySet["Source"]):
    def due(self, now: datetime) -> SourceQuerySet:
        """Enabled sources whose next poll has come, longest waiting first."""
        return self.filter(enabled=True, next_poll_at__lte=now).order_by("next_poll_at", "id")

    def for_admin_list(self, now: datetime) -> SourceQuerySet:
        """With what came in the last seven days and what became of it in the last thirty."""
        return self.annotate(
            arrived=self._pieces(created_at__gte=now - WEEK),
            approved=self._pieces(status="approved", reviewed_at__gte=now - MONTH),
            rejected=self._pieces(status="rejected", reviewed_at__gte=now - MONTH),
        )

    def _pieces(self, **wanted: Any) -> Coalesce:
        """How many pieces of each source, counted in an index and not by a join over all of them."""
        pieces: Any = self.model._meta.get_field("pending_articles").related_model
        rows = pieces.objects.filter(source_id=models.OuterRef("pk"), **wanted).order_by()
        counted = rows.values("source_id").annotate(number=models.Count("pk")).values("number")
        return Coalesce(models.Subquery(counted, output_field=models.IntegerField()), 0)


class IngestRunQuerySet(models.QuerySet["IngestRun"]):
    def for_admin_list(self) -> IngestRunQuerySet:
        return self.select_related("source").defer("received")

    def of_source(self, source_id: int) -> IngestRunQuerySet:
        return self.filter(source_id=source_id)


class IngestRunErrorQuerySet(models.QuerySet["IngestRunError"]):
    def for_admin_list(self) -> IngestRunErrorQuerySet:
        return self.select_related("run__source").defer("run__received")


class MentionQuerySet(models.QuerySet["Mention"]):
    def with_names(self) -> MentionQuerySet:
        """With what readers and editors see of the fighter or event; who was merged, with the one who was kept."""
        return self.select_related("fighter__merged_into", "event").only(
            "pending_id", "article_id", "state", "is_sure", "found",
            "fighter__name", "fighter__name_zh", "fighter__weight_class", "fighter__birth_date",
            "fighter__merged_into__name", "fighter__merged_into__name_zh",
            "event__org", "event__name", "event__starts_at",
        )  # fmt: skip

    def confirmed(self) -> MentionQuerySet:
        return self.filter(state="confirmed")

    def standing(self) -> MentionQuerySet:
        """Suggested or confirmed: what was dismissed is not about that fighter or event."""
        return self.filter(state__in=("suggested", "confirmed"))

    def fighters_waiting(self, most: int) -> list[tuple[int, int]]:
        """(fighter, pieces) of those whom pieces that wait for review name, the most named first."""
        return self._waiting("fighter_id", most)

    def events_waiting(self, most: int) -> list[tuple[int, int]]:
        return self._waiting("event_id", most)

    def _waiting(self, field: str, most: int) -> list[tuple[int, int]]:
        rows = self.standing().filter(pending__status="pending", **{f"{field}__isnull": False})
        counted = rows.order_by().values_list(field).annotate(number=models.Count("pk"))
        return list(counted.order_by("-number", field)[:most])

    def lately(self, field: str, most: int) -> list[int]:
        """The fighters or events named most often in the newest mentions, for a drop-down of bounded cost."""
        newest = self.standing().filter(**{f"{field}__isnull": False}).order_by("-pk").values_list(field, flat=True)
        return [number for number, _times in Counter(newest[:NEWEST_MENTIONS]).most_common(most)]

    def of_fighter(self, fighter_id: int) -> MentionQuerySet:
        """Of this person under every id that a merge gave them."""
        return self.filter(fighter_id__in=list(Fighter.objects.same_person(fighter_id)))


Row = TypeVar("Row", bound=models.Model)


class NamingQuerySet(models.QuerySet[Row]):
    """Rows that name fighters and events; ``mentions`` leads to what they name."""

    def _mentions(self) -> MentionQuerySet:
        mentions: Any = self.model._meta.get_field("mentions").related_model
        rows: MentionQuerySet = mentions.objects.all()
        return rows

    def with_mentions(self) -> Self:
        return self.prefetch_related(models.Prefetch("mentions", self._mentions().with_names()))


class PendingArticleQuerySet(NamingQuerySet["PendingArticle"]):
    def awaiting_review(self) -> PendingArticleQuerySet:
        """Oldest first: the order in which an editor works."""
        return self.filter(status="pending").order_by("id")

    def for_review_list(self) -> PendingArticleQuerySet:
        """With the source's name; without the long columns that no list shows."""
        return self.select_related("source").defer("raw_payload", "content", "source__last_fetch_error")

    def for_desk(self, *, newest_first: bool = False) -> PendingArticleQuerySet:
        """What waits, with what a card shows; of a story its lead only."""
        rows = self.cards().for_review_list()
        return rows.order_by("-id" if newest_first else "id")

    def cards(self) -> PendingArticleQuerySet:
        """One for each piece that waits, but of a story its lead only."""
        rows = self.filter(status="pending")
        return rows.filter(models.Q(story=None) | models.Q(story__lead_id=models.F("pk")))

    def card_of(self, pending_id: int) -> int:
        """The piece that stands for this one in the queue: the lead of its story."""
        lead = self.filter(pk=pending_id).values_list("story__lead", flat=True).first()
        return lead or pending_id

    def told_by_several(self) -> PendingArticleQuerySet:
        """Pieces in whose story others stand too."""
        others = self.model._default_manager.filter(story_id=models.OuterRef("story_id"))
        return self.filter(models.Exists(others.exclude(pk=models.OuterRef("pk"))), story__isnull=False)

    def for_stories(self) -> PendingArticleQuerySet:
        return self.only("title", "source_id", "story_id", "created_at")

    def for_preview(self) -> PendingArticleQuerySet:
        return self.select_related("source").defer("raw_payload").prefetch_related("revisions").with_mentions()

    def for_titles(self) -> PendingArticleQuerySet:
        """What deciding "is this what we show?" needs."""
        return self.only("identity_hash", "id_hash", "title", "title_hash", "status", "edited_at", "source_id")

    def naming_fighter(self, fighter_id: int) -> PendingArticleQuerySet:
        """Where this fighter was found or confirmed, and not dismissed."""
        return self.filter(pk__in=self._mentions().standing().of_fighter(fighter_id).values("pending_id"))

    def naming_event(self, event_id: int) -> PendingArticleQuerySet:
        return self.filter(pk__in=self._mentions().standing().filter(event_id=event_id).values("pending_id"))

    def for_suggestions(self) -> PendingArticleQuerySet:
        return self.exclude(status="rejected").only("title", "summary")

    def of_identities(self, identity_hashes: Iterable[str], *, or_ids: Iterable[str] = ()) -> PendingArticleQuerySet:
        """``or_ids``: hashes of publishers' ids that will do too."""
        wanted, ids = models.Q(identity_hash__in=list(identity_hashes)), list(or_ids)
        return self.filter(wanted | models.Q(id_hash__in=ids) if ids else wanted)


class StoryQuerySet(models.QuerySet["Story"]):
    def sizes(self, keys: Iterable[int]) -> dict[int, int]:
        """How many pieces each of these stories has."""
        counted = self.filter(pk__in=list(keys)).annotate(number=models.Count("pieces"))
        return dict(counted.values_list("pk", "number"))


class ReviewStepQuerySet(models.QuerySet["ReviewStep"]):
    def standing(self) -> ReviewStepQuerySet:
        return self.filter(undone_at=None)

    def last_of(self, actor_id: int) -> ReviewStep | None:
        """The deed that this person can take back."""
        return self.standing().filter(actor_id=actor_id).order_by("-id").first()

    def last_on_piece(self, actor_id: int, since: datetime) -> ReviewStep | None:
        """The last standing deed of this person on a piece since then; looked for among their newest deeds only."""
        newest = self.filter(actor_id=actor_id).defer("pending_before", "article_before").order_by("-id")
        for step in newest[:NEWEST_STEPS]:
            if step.pending_id is not None and step.undone_at is None and step.created_at >= since:
                return step
        return None

    def of_one_deed(self, step: ReviewStep) -> ReviewStepQuerySet:
        """The step with those of the same bulk decision, the first one first."""
        rows = self.filter(batch=step.batch) if step.batch else self.filter(pk=step.pk)
        return rows.order_by("id")


class ArticleQuerySet(NamingQuerySet["Article"]):
    def published(self) -> ArticleQuerySet:
        return self.filter(status="published")

    def planned_before(self, moment: datetime | None) -> ArticleQuerySet:
        """Articles that wait for a time before this one (None: any), the nearest first."""
        rows = self.filter(status="pending", publish_at__isnull=False)
        if moment is not None:
            rows = rows.filter(publish_at__lt=moment)
        return rows.select_related("source").defer("content", "source__last_fetch_error").order_by("publish_at", "id")

    def newest_first(self) -> ArticleQuerySet:
        return self.order_by("-published_at", "-id")

    def for_public_list(self) -> ArticleQuerySet:
        """What a reader may see, newest first, with the source's rights at hand."""
        rows = self.published().select_related("source").defer("content", "source__last_fetch_error")
        return rows.with_confirmed_mentions().newest_first()

    def for_public_page(self) -> ArticleQuerySet:
        """What has an address for readers: what is published, and what was retracted with its notice."""
        rows = self.filter(status__in=("published", "retracted")).with_confirmed_mentions()
        return rows.select_related("source").defer("content", "source__last_fetch_error")

    def changed_since(self, since: datetime) -> ArticleQuerySet:
        """What readers have been told of at some time and what changed since, oldest change first."""
        rows = self.filter(first_published_at__isnull=False, updated_at__gte=since).with_confirmed_mentions()
        return rows.select_related("source").defer("content", "source__last_fetch_error").order_by("updated_at", "id")

    def for_admin_list(self) -> ArticleQuerySet:
        return self.select_related("source").defer("content", "source__last_fetch_error")

    def found_by(self, text: str) -> ArticleQuerySet:
        """Articles with all these words in their title; a word that no title has stands for those that begin with it.

        What is no word of any title is looked for inside the newest titles only: reading all of them would take the
        longer the more there are.
        """
        keys: Any = self.model._meta.get_field("title_keys").related_model
        rows, asked = self, asked_keys(text)
        for key in asked:
            if keys.objects.filter(key=key).exists():
                rows = rows.filter(title_keys__key=key)
                continue
            longer = beginning_with(key)
            longer_keys = keys.objects.filter(key__gte=longer[0], key__lt=longer[1]) if longer else keys.objects.none()
            if not longer_keys.exists():
                return self._inside_newest(text)
            rows = rows.filter(models.Exists(longer_keys.filter(article=models.OuterRef("pk"))))
        return rows if asked else self._inside_newest(text)

    def _inside_newest(self, text: str) -> ArticleQuerySet:
        last = self.model._default_manager.order_by("-pk").values_list("pk", flat=True)[NEWEST_TITLES:].first()
        return self.filter(pk__gt=last or 0, title__icontains=text.strip())

    def with_confirmed_mentions(self) -> ArticleQuerySet:
        """The fighters and events that readers are told of: one query more, however many articles."""
        rows = self._mentions().confirmed().with_names()
        return self.prefetch_related(models.Prefetch("mentions", rows, to_attr="confirmed_mentions"))

    def naming_fighter(self, fighter_id: int) -> ArticleQuerySet:
        """Confirmed to be about this fighter, also under an id that was merged into theirs or into which theirs was."""
        named = self._mentions().confirmed().of_fighter(fighter_id)
        return self.filter(pk__in=named.filter(article__isnull=False).values("article_id"))

    def naming_event(self, event_id: int) -> ArticleQuerySet:
        named = self._mentions().confirmed().filter(event_id=event_id)
        return self.filter(pk__in=named.filter(article__isnull=False).values("article_id"))
