"""What the audit log keeps of sources, pieces and articles.  Long texts stay out: the log is no second archive."""

from django.utils.translation import gettext_lazy as _

from apps.audit.registry import Resource, register

register(
    Resource(
        type="source",
        model="articles.Source",
        fields=(
            "name", "source_type", "platform", "account_id", "source_url", "parser_kind", "enabled",
            "interval_seconds", "adaptive", "arrival_policy", "owner", "language", "rights_display",
            "rights_playback", "rights_ai_summary", "rights_expires_at", "rights_proof_url",
        ),
        label=_("source"),
    )
)  # fmt: skip
register(
    Resource(
        type="pendingArticle",
        model="articles.PendingArticle",
        fields=(
            "title", "summary", "source", "source_url", "cover_url", "video_url", "source_published_at", "status",
            "reviewer_id", "reviewer_label", "reviewed_at", "reject_code", "reject_reason", "changed_after_review_at",
            "edited_at", "claimed_by_label", "claimed_until", "story", "version",
        ),
        label=_("piece for review"),
    )
)  # fmt: skip
register(
    Resource(
        type="article",
        model="articles.Article",
        fields=(
            "title", "summary", "source", "pending", "source_url", "cover_url", "video_url", "source_published_at",
            "status", "published_mode", "published_at", "publish_at", "corrected_at", "retracted_at", "notice",
            "version",
        ),
        label=_("article"),
    )
)  # fmt: skip
register(
    Resource(
        type="takedown",
        model="articles.Takedown",
        fields=(
            "target_type", "article", "reason", "complainant", "evidence_url", "status", "action", "opened_by_label",
            "resolved_by_label", "resolved_at",
        ),
        label=_("takedown request"),
    )
)  # fmt: skip
