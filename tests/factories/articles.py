"""Sources, runs, pieces and articles for tests.  The rows are what the services would have written."""

from __future__ import annotations

import factory
from django.utils import timezone
from factory.django import DjangoModelFactory

from apps.articles.enums import IdentityPolicy
from apps.articles.models import (
    Article,
    ArticleRevision,
    IngestRun,
    IngestRunError,
    Mention,
    PendingArticle,
    PendingRevision,
    ReviewStep,
    Source,
    Takedown,
)
from apps.articles.services.finding import write_new_title_keys
from apps.articles.services.identity import identity_hash, text_hash, url_hash, words_hash
from tests.factories.fighters import FighterFactory


class SourceFactory(DjangoModelFactory[Source]):
    class Meta:
        model = Source

    name = factory.Sequence(lambda number: f"Source {number}")
    source_url = factory.Sequence(lambda number: f"https://source{number}.example/feed")
    url_hash = factory.LazyAttribute(lambda source: url_hash(source.source_url))
    parser_kind = Source.Kind.FEED


class IngestRunFactory(DjangoModelFactory[IngestRun]):
    class Meta:
        model = IngestRun

    source = factory.SubFactory(SourceFactory)
    source_url = factory.LazyAttribute(lambda run: run.source.source_url)
    parser_kind = factory.LazyAttribute(lambda run: run.source.parser_kind)
    status = IngestRun.Status.RUNNING
    started_at = factory.LazyFunction(timezone.now)


class IngestRunErrorFactory(DjangoModelFactory[IngestRunError]):
    class Meta:
        model = IngestRunError

    run = factory.SubFactory(IngestRunFactory)
    kind = IngestRunError.Kind.FETCH
    message = "The server took too long to answer."


class PendingArticleFactory(DjangoModelFactory[PendingArticle]):
    class Meta:
        model = PendingArticle

    source = factory.SubFactory(SourceFactory)
    title = factory.Sequence(lambda number: f"Headline {number}")
    title_hash = factory.LazyAttribute(lambda piece: words_hash(piece.title, piece.summary))
    summary = "What happened, in two sentences."
    content = "<p>What happened, in two sentences.</p>"
    source_url = factory.Sequence(lambda number: f"https://news.example/story/{number}")
    identity_hash = factory.LazyAttribute(
        lambda piece: identity_hash(
            source_id=piece.source.pk if piece.source else 0,
            policy=IdentityPolicy.URL,
            url=piece.source_url,
            guid="",
            title=piece.title,
            published_at=piece.source_published_at,
            text=piece.summary,
        )
    )
    cover_url = ""
    video_url = ""
    source_published_at = factory.LazyFunction(timezone.now)
    raw_payload = factory.LazyAttribute(lambda piece: {"url": piece.source_url, "guid": "", "title": piece.title})


class PendingRevisionFactory(DjangoModelFactory[PendingRevision]):
    class Meta:
        model = PendingRevision

    pending = factory.SubFactory(PendingArticleFactory)
    title = factory.Sequence(lambda number: f"Earlier headline {number}")
    summary = ""
    title_hash = factory.LazyAttribute(lambda revision: words_hash(revision.title, revision.summary))


class ArticleFactory(DjangoModelFactory[Article]):
    class Meta:
        model = Article

    source = factory.SubFactory(SourceFactory)
    title = factory.Sequence(lambda number: f"Article {number}")
    summary = "What happened, in two sentences."
    source_url = factory.Sequence(lambda number: f"https://news.example/published/{number}")
    identity_hash = factory.LazyAttribute(lambda article: text_hash(article.source_url))
    status = Article.Status.PUBLISHED
    keys = factory.PostGeneration(lambda article, create, _extracted: create and write_new_title_keys([article]))
    published_at = factory.LazyFunction(timezone.now)
    first_published_at = factory.LazyAttribute(lambda article: article.published_at)


class ArticleRevisionFactory(DjangoModelFactory[ArticleRevision]):
    class Meta:
        model = ArticleRevision

    article = factory.SubFactory(ArticleFactory)
    version = factory.Sequence(lambda number: number + 1)
    title = factory.Sequence(lambda number: f"Wrong headline {number}")
    notice = "The name was wrong."


class ReviewStepFactory(DjangoModelFactory[ReviewStep]):
    class Meta:
        model = ReviewStep

    kind = ReviewStep.Kind.REJECTED
    pending = factory.SubFactory(PendingArticleFactory)


class MentionFactory(DjangoModelFactory[Mention]):
    """A fighter whom a piece names; ``event=…, fighter=None`` for an event."""

    class Meta:
        model = Mention

    pending = factory.SubFactory(PendingArticleFactory)
    fighter = factory.SubFactory(FighterFactory)
    found = factory.LazyAttribute(lambda mention: mention.fighter.name if mention.fighter else "")


class TakedownFactory(DjangoModelFactory[Takedown]):
    class Meta:
        model = Takedown

    article = factory.SubFactory(ArticleFactory)
    reason = "The picture is ours."
