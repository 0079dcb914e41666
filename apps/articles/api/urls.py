from django.urls import URLPattern, URLResolver, path

from apps.articles.api.ingest import FetchView
from apps.articles.api.public import ArticleListView, ArticleView
from apps.articles.api.publishing import (
    ArticleNamesView,
    CorrectView,
    ManualPieceView,
    OfflineView,
    RetractView,
    TakedownResolveView,
    TakedownsView,
)
from apps.articles.api.review import (
    ApproveView,
    BulkApproveView,
    BulkRejectView,
    ClaimView,
    PendingListView,
    PieceNamesView,
    RejectView,
    ReleaseView,
    UndoView,
)

urlpatterns: list[URLPattern | URLResolver] = [
    path("articles", ArticleListView.as_view(), name="articles"),
    path("articles/manual", ManualPieceView.as_view(), name="articles-manual"),
    path("articles/<str:article_id>", ArticleView.as_view(), name="article"),
    path("articles/<str:article_id>/correct", CorrectView.as_view(), name="article-correct"),
    path("articles/<str:article_id>/retract", RetractView.as_view(), name="article-retract"),
    path("articles/<str:article_id>/offline", OfflineView.as_view(), name="article-offline"),
    path("articles/<str:article_id>/names", ArticleNamesView.as_view(), name="article-names"),
    path("ingest/fetch", FetchView.as_view(), name="ingest-fetch"),
    path("review/pending", PendingListView.as_view(), name="review-pending"),
    path("review/bulk-approve", BulkApproveView.as_view(), name="review-bulk-approve"),
    path("review/bulk-reject", BulkRejectView.as_view(), name="review-bulk-reject"),
    path("review/undo", UndoView.as_view(), name="review-undo"),
    path("review/<str:pending_id>/approve", ApproveView.as_view(), name="review-approve"),
    path("review/<str:pending_id>/reject", RejectView.as_view(), name="review-reject"),
    path("review/<str:pending_id>/names", PieceNamesView.as_view(), name="review-names"),
    path("review/<str:pending_id>/claim", ClaimView.as_view(), name="review-claim"),
    path("review/<str:pending_id>/release", ReleaseView.as_view(), name="review-release"),
    path("takedowns", TakedownsView.as_view(), name="takedowns"),
    path("takedowns/<str:takedown_id>/resolve", TakedownResolveView.as_view(), name="takedown-resolve"),
]
# The mini-program's address of the same list (decision 9), mounted at /api/.
mini_program_urlpatterns: list[URLPattern | URLResolver] = [
    path("articles", ArticleListView.as_view(), name="mini-program-articles"),
]
