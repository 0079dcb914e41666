"""Shapes of answers."""

from __future__ import annotations

from rest_framework import serializers


class FighterHitSerializer(serializers.Serializer):
    """One hit of a search: weight class, birth year and last bout tell two people of one name apart."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    name_zh = serializers.CharField()
    nickname = serializers.CharField()
    country = serializers.CharField()
    country_zh = serializers.CharField(help_text="Empty when the table of countries lacks it")
    weight_class = serializers.CharField()
    birth_year = serializers.IntegerField(allow_null=True)
    last_bout_on = serializers.DateField(allow_null=True)
    record = serializers.CharField()
    rank = serializers.IntegerField(allow_null=True, help_text="Best current place in a weight class, 0 for a champion")
    avatar_url = serializers.CharField()
    is_unconfirmed = serializers.BooleanField(help_text="Known by name only: a person has not decided yet who it is")


class FighterHitsSerializer(serializers.Serializer):
    items = FighterHitSerializer(many=True, help_text="At most 20, best first")


class FighterUpdateSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    content = serializers.CharField()
    published_at = serializers.DateTimeField()


class FighterMediaSerializer(serializers.Serializer):
    kind = serializers.CharField()
    url = serializers.CharField()
    caption = serializers.CharField()
    credit = serializers.CharField()


class CurrentPlaceSerializer(serializers.Serializer):
    division = serializers.CharField()
    place = serializers.IntegerField(help_text="0 for the champion")
    valid_from = serializers.DateField()


class BoutOfFighterSerializer(serializers.Serializer):
    """A bout seen from one corner."""

    id = serializers.IntegerField()
    event_id = serializers.IntegerField()
    event_name = serializers.CharField()
    org = serializers.CharField()
    starts_at = serializers.DateTimeField()
    opponent_id = serializers.IntegerField()
    opponent_name = serializers.CharField()
    opponent_name_zh = serializers.CharField()
    weight_class = serializers.CharField()
    state = serializers.CharField()
    outcome = serializers.CharField(help_text="win, loss, draw, no_contest; empty before the result")
    method = serializers.CharField()
    round = serializers.IntegerField(allow_null=True)
    time_sec = serializers.IntegerField(allow_null=True)


class FighterProfileSerializer(serializers.Serializer):
    """Everything about a fighter that anybody may read."""

    merged_into = serializers.IntegerField(allow_null=True)
    id = serializers.IntegerField()
    name = serializers.CharField()
    name_zh = serializers.CharField()
    nickname = serializers.CharField()
    aliases = serializers.ListField(child=serializers.CharField())
    country = serializers.CharField()
    country_zh = serializers.CharField()
    weight_class = serializers.CharField()
    height_mm = serializers.IntegerField(allow_null=True)
    reach_mm = serializers.IntegerField(allow_null=True)
    stance = serializers.CharField()
    birth_date = serializers.DateField(allow_null=True)
    record = serializers.CharField(allow_null=True, help_text="Null when spoilers are hidden")
    last_bout_on = serializers.DateField(allow_null=True, help_text="Null when spoilers are hidden")
    rankings = CurrentPlaceSerializer(many=True)
    avatar_url = serializers.CharField()
    intro_video_url = serializers.CharField()
    media = FighterMediaSerializer(many=True)
    stats = serializers.JSONField()
    records = serializers.JSONField()
    updates = FighterUpdateSerializer(many=True, help_text="At most 30, newest first")
    spoilers = serializers.BooleanField(help_text="False: results and what follows from them are left out")
    next_bouts = BoutOfFighterSerializer(many=True, help_text="Soonest first")
    past_bouts = BoutOfFighterSerializer(many=True, help_text="At most 50, newest first")
    version = serializers.IntegerField(allow_null=True, help_text="Null when spoilers are hidden")
    updated_at = serializers.DateTimeField(allow_null=True, help_text="Null when spoilers are hidden")


class MovedFighterSerializer(serializers.Serializer):
    """What an old address answers: the fighter was merged into another row."""

    merged_into = serializers.IntegerField()
    id = serializers.IntegerField()
