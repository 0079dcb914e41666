"""The rows by which a search finds articles, kept in step with their titles."""

from __future__ import annotations

from collections.abc import Iterable

from apps.articles.models import Article, ArticleTitleKey
from apps.articles.title_keys import title_keys
from apps.core.db import insert_rows


def write_new_title_keys(articles: Iterable[Article]) -> None:
    """The keys of articles that were just inserted, in the transaction of the insert."""
    insert_rows(
        ArticleTitleKey,
        ("article_id", "key"),
        [(article.pk, key) for article in articles for key in sorted(title_keys(article.title))],
    )


def rewrite_title_keys(article: Article) -> None:
    """After a change of the title, in its transaction, with the article locked.  Writes only what differs."""
    wanted = title_keys(article.title)
    has = dict(article.title_keys.values_list("key", "pk"))
    surplus = [pk for key, pk in has.items() if key not in wanted]
    if surplus:
        ArticleTitleKey.objects.filter(pk__in=surplus).delete()
    missing = sorted(wanted - has.keys())
    insert_rows(ArticleTitleKey, ("article_id", "key"), [(article.pk, key) for key in missing])
