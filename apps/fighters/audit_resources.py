"""What the audit log keeps of fighters.  Search keys are derived; spells of rankings come with their import."""

from django.utils.translation import gettext_lazy as _

from apps.audit.registry import Resource, register

register(
    Resource(
        type="fighter",
        model="fighters.Fighter",
        fields=(
            "name", "name_zh", "nickname", "country", "weight_class", "weight_g", "height_mm", "reach_mm", "stance",
            "birth_date", "record", "source_id", "external_url", "avatar_url", "intro_video_url", "stats", "records",
            "is_manual", "is_unconfirmed", "merged_into", "version",
        ),
        label=_("fighter"),
    )
)  # fmt: skip
register(
    Resource(
        type="fighter_update",
        model="fighters.FighterUpdate",
        fields=("fighter", "content", "published_at"),
        label=_("fighter update"),
    )
)
register(
    Resource(
        type="fighter_media",
        model="fighters.FighterMedia",
        fields=("fighter", "kind", "url", "caption", "credit"),
        label=_("fighter photo"),
    )
)
register(
    Resource(
        type="unmatched_name",
        model="fighters.UnmatchedName",
        fields=("source", "name", "cause", "status", "fighter", "decided_by", "version"),
        label=_("unmatched name"),
    )
)
register(
    Resource(
        type="fighter_merge",
        model="fighters.FighterMerge",
        fields=("kind", "fighter", "other", "reason", "undone_at"),
        label=_("merge or split"),
    )
)
register(
    Resource(
        type="refused_change",
        model="fighters.RefusedChange",
        fields=("resource_type", "resource_id", "field", "source", "kept", "offered", "reason", "status", "decided_by"),
        label=_("refused change"),
    )
)
register(
    Resource(
        type="import",
        model="fighters.ImportRun",
        fields=("kind", "status", "is_dry_run", "file_name", "error"),
        label=_("import"),
    )
)
