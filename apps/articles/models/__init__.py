"""Sources, their polls, the pieces that wait for review and the pieces that are published (D.1).

Uniqueness of a piece rests on ``identity_hash`` (SHA-256, 64 characters) and not on the address itself: an index on
512 characters of utf8mb4 is more than MariaDB takes, and an item may have no address at all.
"""

from apps.articles.models.articles import Article, ArticleRevision, ArticleTitleKey, Takedown
from apps.articles.models.lengths import TITLE_LENGTH, URL_LENGTH
from apps.articles.models.mentions import Mention
from apps.articles.models.review import PendingArticle, PendingRevision, RejectReason, ReviewStep, Story
from apps.articles.models.sources import (
    DEFAULT_INTERVAL_SECONDS,
    FetchHost,
    IngestRun,
    IngestRunError,
    Language,
    Source,
)

__all__ = [
    "DEFAULT_INTERVAL_SECONDS",
    "TITLE_LENGTH",
    "URL_LENGTH",
    "Article",
    "ArticleRevision",
    "ArticleTitleKey",
    "FetchHost",
    "IngestRun",
    "IngestRunError",
    "Language",
    "Mention",
    "PendingArticle",
    "PendingRevision",
    "RejectReason",
    "ReviewStep",
    "Source",
    "Story",
    "Takedown",
]
