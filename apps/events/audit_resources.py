from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from apps.audit.registry import Resource, register

register(
    Resource(
        type="event",
        model="events.Event",
        fields=(
            "org",
            "name",
            "status",
            "starts_at",
            "venue",
            "segments",
            "source_id",
            "external_url",
            "poster_url",
            "promo_video_url",
            "is_manual",
        ),
        label=pgettext_lazy("sports", "event"),
    )
)
register(
    Resource(
        type="bout",
        model="events.Bout",
        fields=(
            "event",
            "sequence_no",
            "card_segment",
            "weight_class",
            "red_fighter",
            "blue_fighter",
            "red_ranking",
            "blue_ranking",
            "title_kind",
            "scheduled_rounds",
            "time_format",
            "state",
            "result",
            "winner_fighter",
            "method",
            "method_detail",
            "round",
            "time_sec",
            "referee",
            "scores",
            "duplicate_of",
            "cancel_reason",
            "amend_reason",
            "is_manual",
        ),
        label=_("bout"),
    )
)
register(
    Resource(
        type="unknown_bout",
        model="events.UnknownBout",
        fields=("event", "source", "external_id", "athletes", "status", "bout", "claimed", "decided_by"),
        label=_("unknown bout of a source"),
    )
)
