"""The delayed task that brings a planned article out."""

from __future__ import annotations

from apps.articles.models import Article
from apps.articles.task_names import PUBLISH_ARTICLE
from apps.core.actor import Actor
from apps.taskhub.services import EnqueueOptions, enqueue


def queue_publication(article: Article, *, actor: Actor) -> None:
    """In the transaction that plans the article, or brings its plan back.

    A task of an earlier plan may wait beside it: the article is brought out once (``publish_scheduled``).
    """
    assert article.publish_at is not None
    enqueue(
        PUBLISH_ARTICLE,
        options=EnqueueOptions(actor=actor, run_at=article.publish_at),
        article_id=article.pk,
        publish_at=article.publish_at.isoformat(),
    )
