"""The articles app in the back-office: sources, runs, the review queue, articles."""

from apps.articles.admin.articles import ArticleAdmin, TakedownAdmin
from apps.articles.admin.review import PendingArticleAdmin
from apps.articles.admin.sources import IngestRunAdmin, SourceAdmin

__all__ = ["ArticleAdmin", "IngestRunAdmin", "PendingArticleAdmin", "SourceAdmin", "TakedownAdmin"]
