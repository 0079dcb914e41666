"""Shapes of requests and answers."""

from __future__ import annotations

from rest_framework import serializers

from apps.core.api.strict import StrictSerializer
from apps.events.enums import BoutState, BoutStatus, EventStatus, Method, Result, Segment, TitleKind


class FreshnessSerializer(serializers.Serializer):
    """How far live data can be trusted."""

    state = serializers.ChoiceField(choices=["final", "no_feed", "by_hand", "current", "late"])
    answered_at = serializers.DateTimeField(allow_null=True, help_text="When a late feed last answered")


class EventSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    org = serializers.CharField()
    name = serializers.CharField()
    status = serializers.ChoiceField(choices=EventStatus.choices)
    starts_at = serializers.DateTimeField()
    venue = serializers.CharField()
    poster_url = serializers.CharField()
    promo_video_url = serializers.CharField()
    version = serializers.IntegerField(help_text="Rises with every change of the event or of a bout on its card")
    updated_at = serializers.DateTimeField()
    freshness = FreshnessSerializer()


class PaginationOfEventsSerializer(serializers.Serializer):
    page = serializers.IntegerField()
    page_size = serializers.IntegerField()
    total = serializers.IntegerField()
    total_pages = serializers.IntegerField()


class EventPageSerializer(serializers.Serializer):
    items = EventSerializer(many=True)
    pagination = PaginationOfEventsSerializer()


class CornerSerializer(serializers.Serializer):
    """A fighter as the card shows one."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    name_zh = serializers.CharField()
    country = serializers.CharField()
    rank = serializers.CharField()
    weight_class = serializers.CharField()
    record = serializers.CharField(allow_null=True, help_text="Null when spoilers are hidden")
    avatar_url = serializers.CharField()


class BoutOnCardSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    sequence_no = serializers.IntegerField(help_text="Place on the card, the main bout is 1")
    card_segment = serializers.ChoiceField(choices=[*Segment.choices, ("", "")])
    weight_class = serializers.CharField()
    title_kind = serializers.ChoiceField(choices=[*TitleKind.choices, ("", "")])
    scheduled_rounds = serializers.IntegerField(allow_null=True)
    red_fighter = CornerSerializer()
    blue_fighter = CornerSerializer()
    status = serializers.ChoiceField(choices=BoutStatus.choices)
    state = serializers.ChoiceField(choices=BoutState.choices)
    result = serializers.ChoiceField(choices=[*Result.choices, ("", "")])
    winner_id = serializers.IntegerField(allow_null=True)
    method = serializers.ChoiceField(choices=[*Method.choices, ("", "")])
    method_detail = serializers.CharField()
    round = serializers.IntegerField(allow_null=True)
    time_sec = serializers.IntegerField(allow_null=True, help_text="Seconds into the round it ended in")
    scores = serializers.ListField(child=serializers.DictField())
    cancel_reason = serializers.CharField()
    amend_reason = serializers.CharField()
    version = serializers.IntegerField(allow_null=True, help_text="Null when spoilers are hidden")
    updated_at = serializers.DateTimeField(allow_null=True, help_text="Null when spoilers are hidden")


class EventCardSerializer(EventSerializer):
    """The event with its bouts: all in the order of the card, and the same as main card and prelims."""

    version = serializers.IntegerField(
        allow_null=True,
        help_text="Rises with every change of the event or of a bout on its card; null when spoilers are hidden",
    )
    updated_at = serializers.DateTimeField(allow_null=True, help_text="Null when spoilers are hidden")
    segments = serializers.DictField(help_text="Start of each part of the card")
    spoilers = serializers.BooleanField(help_text="False: results are left out")
    bouts = BoutOnCardSerializer(many=True)
    main_card = BoutOnCardSerializer(many=True)
    prelims = BoutOnCardSerializer(many=True)


class EventChangeSerializer(StrictSerializer):
    """What is not given stays as it is."""

    name = serializers.CharField(required=False, max_length=255)
    status = serializers.ChoiceField(required=False, choices=EventStatus.choices)
    version = serializers.IntegerField(
        required=False, min_value=1, help_text="The version the change was made on; If-Match does the same"
    )


class JudgeScoreSerializer(StrictSerializer):
    judge = serializers.CharField(max_length=128)
    red = serializers.IntegerField(min_value=0, max_value=200)
    blue = serializers.IntegerField(min_value=0, max_value=200)


class BoutResultSerializer(StrictSerializer):
    """How a bout ended.  Of method, method_detail, round, time_sec and scores, what is not sent keeps its value."""

    result = serializers.ChoiceField(choices=Result.choices)
    winner = serializers.ChoiceField(
        choices=["red", "blue", ""],
        required=False,
        default="",
        help_text="Empty without a win",
    )
    method = serializers.ChoiceField(choices=[*Method.choices, ("", "")], required=False)
    method_detail = serializers.CharField(required=False, allow_blank=True, max_length=255)
    round = serializers.IntegerField(required=False, allow_null=True, min_value=1)
    time_sec = serializers.IntegerField(required=False, allow_null=True, min_value=0)
    scores = serializers.ListField(child=JudgeScoreSerializer(), required=False, max_length=9)
    official = serializers.BooleanField(required=False, default=False, help_text="Otherwise the result is provisional")
    reason = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=255, help_text="Needed to amend an official result"
    )
    version = serializers.IntegerField(
        required=False, min_value=1, help_text="The version the result was decided on; If-Match does the same"
    )
