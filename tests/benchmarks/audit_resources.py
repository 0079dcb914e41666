from apps.audit.registry import Resource, register

register(
    Resource(
        type="benchItem",
        model="benchmarks.AuditedItem",
        fields=(
            "title",
            "body",
            "status",
            "language",
            "author",
            "views",
            "price",
            "is_pinned",
            "published_at",
            "updated_at",
        ),
        label="bench item",
    )
)
