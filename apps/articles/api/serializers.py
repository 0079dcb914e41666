"""Shapes of requests and answers."""

from __future__ import annotations

from rest_framework import serializers

from apps.articles.models import URL_LENGTH, Article, Mention, PendingArticle, RejectReason, Takedown
from apps.articles.services.mentions import MOST_NAMED, Naming
from apps.articles.services.review import BULK_LIMIT, REASON_LENGTH
from apps.articles.services.wording import NOTICE_LENGTH
from apps.core.api.parameters import LARGEST_ID
from apps.core.api.strict import StrictSerializer


class PublicFighterSerializer(serializers.Serializer):
    """A fighter whom an article is about; who was merged, by the row that was kept."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    name_zh = serializers.CharField()


class PublicEventSerializer(serializers.Serializer):
    """An event that an article is about."""

    id = serializers.IntegerField()
    name = serializers.CharField()


class PublicArticleSerializer(serializers.Serializer):
    """A published piece as anybody may see it: title, summary, link; never the foreign text."""

    id = serializers.IntegerField()
    state = serializers.ChoiceField(
        [("published", "published"), ("retracted", "retracted"), ("gone", "gone")],
        help_text="gone only with updated_since: delete your copy",
    )
    source_id = serializers.IntegerField(allow_null=True)
    source_name = serializers.CharField()
    language = serializers.CharField(help_text="Empty when it is not known")
    fighters = PublicFighterSerializer(many=True, help_text="Confirmed by an editor")
    events = PublicEventSerializer(many=True, help_text="Confirmed by an editor")
    title = serializers.CharField()
    summary = serializers.CharField()
    source_url = serializers.CharField(help_text="The original piece")
    cover_url = serializers.CharField(help_text="Empty unless the source gave the right to show it")
    video_url = serializers.CharField(help_text="Empty unless can_play")
    can_play = serializers.BooleanField()
    media_until = serializers.DateTimeField(allow_null=True, help_text="Pictures and videos may be shown until then")
    published_at = serializers.DateTimeField(allow_null=True)
    source_published_at = serializers.DateTimeField(allow_null=True)
    updated_at = serializers.DateTimeField()
    corrected_at = serializers.DateTimeField(allow_null=True)
    retracted_at = serializers.DateTimeField(allow_null=True)
    notice = serializers.CharField(help_text="Why it was corrected or retracted, for readers")


class PageNumbersSerializer(serializers.Serializer):
    """With a cursor or updated_since nothing is counted: then only page_size and next_cursor are there."""

    page = serializers.IntegerField(required=False)
    page_size = serializers.IntegerField()
    total = serializers.IntegerField(required=False)
    total_pages = serializers.IntegerField(required=False)
    next_cursor = serializers.CharField(allow_null=True)


class PublicArticlePageSerializer(serializers.Serializer):
    """A page of the list as it lies in the cache."""

    items = PublicArticleSerializer(many=True)
    pagination = PageNumbersSerializer()
    as_of = serializers.DateTimeField(required=False, help_text="With updated_since: your next updated_since")


class MentionSerializer(serializers.ModelSerializer[Mention]):
    """A fighter or event that a piece names, and what an editor said of it."""

    name = serializers.SerializerMethodField()
    found = serializers.CharField(help_text="In what words; empty when a person added it")
    is_sure = serializers.BooleanField(help_text="Nobody else has this name")

    class Meta:
        model = Mention
        fields = ("fighter_id", "event_id", "name", "state", "is_sure", "found")
        read_only_fields = fields

    def get_name(self, row: Mention) -> str:
        return str(row.fighter or row.event)


class PendingArticleSerializer(serializers.ModelSerializer[PendingArticle]):
    source_name = serializers.CharField(source="source.name", default="")
    names = MentionSerializer(source="mentions", many=True, read_only=True)

    class Meta:
        model = PendingArticle
        fields = (
            "id",
            "source_id",
            "source_name",
            "title",
            "summary",
            "source_url",
            "cover_url",
            "video_url",
            "source_published_at",
            "status",
            "claimed_by_label",
            "claimed_until",
            "changed_after_review_at",
            "story_id",
            "is_suspect",
            "names",
            "version",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


class ReviewedSerializer(serializers.ModelSerializer[PendingArticle]):
    """What a decision left: the piece's state and, after an approval, the article."""

    article_id = serializers.IntegerField(allow_null=True, default=None)
    reject_code = serializers.CharField(help_text="Kind of reason; empty unless rejected")

    class Meta:
        model = PendingArticle
        fields = (
            "id",
            "status",
            "version",
            "reviewer_id",
            "reviewed_at",
            "reject_code",
            "reject_reason",
            "article_id",
        )
        read_only_fields = fields


class VersionSerializer(StrictSerializer):
    version = serializers.IntegerField(
        required=False, min_value=1, help_text="The version this is based on; If-Match does the same"
    )


def _ids(help_text: str) -> serializers.ListField:
    return serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=LARGEST_ID),
        required=False,
        max_length=MOST_NAMED,
        help_text=help_text,
    )


class ConfirmedNamesSerializer(VersionSerializer):
    fighters = _ids("Fighters whom the piece is about")
    events = _ids("Events that the piece is about")

    def naming(self) -> Naming:
        given = self.validated_data
        return Naming.of_ids(fighters=given.get("fighters", ()), events=given.get("events", ()))


class NamesSerializer(ConfirmedNamesSerializer):
    """What is named in neither list stays as it is."""

    dismissed_fighters = _ids("Fighters whom the piece is not about")
    dismissed_events = _ids("Events that the piece is not about")

    def naming(self) -> Naming:
        given = self.validated_data
        return Naming.of_ids(
            fighters=given.get("fighters", ()),
            events=given.get("events", ()),
            no_fighters=given.get("dismissed_fighters", ()),
            no_events=given.get("dismissed_events", ()),
        )


class ApproveSerializer(ConfirmedNamesSerializer):
    title = serializers.CharField(required=False, help_text="The editor's words instead of the source's")
    summary = serializers.CharField(required=False, allow_blank=True)
    publish_at = serializers.DateTimeField(
        required=False, allow_null=True, default=None, help_text="Publish then; at once by default"
    )


class RejectSerializer(VersionSerializer):
    reason_code = serializers.ChoiceField(
        RejectReason.choices, required=False, allow_blank=True, default="", help_text="other by default"
    )
    reason = serializers.CharField(
        max_length=REASON_LENGTH, required=False, allow_blank=True, default="", help_text="Needed for other"
    )


class ClaimSerializer(StrictSerializer):
    take_over = serializers.BooleanField(default=False, help_text="Also when somebody else holds the piece")


class SeenPieceSerializer(StrictSerializer):
    id = serializers.IntegerField(min_value=1)
    version = serializers.IntegerField(min_value=1)


class BulkApproveSerializer(StrictSerializer):
    pieces = serializers.ListField(child=SeenPieceSerializer(), min_length=1, max_length=BULK_LIMIT)

    def versions(self) -> dict[int, int]:
        return {piece["id"]: piece["version"] for piece in self.validated_data["pieces"]}


class BulkRejectSerializer(BulkApproveSerializer):
    reason_code = serializers.ChoiceField(RejectReason.choices, required=False, allow_blank=True, default="")
    reason = serializers.CharField(max_length=REASON_LENGTH, required=False, allow_blank=True, default="")


class BulkReviewedSerializer(serializers.Serializer):
    items = ReviewedSerializer(many=True)


class UndoneSerializer(serializers.Serializer):
    """What was taken back: the deed, and the piece or article it was done to."""

    kind = serializers.CharField()
    pending_id = serializers.IntegerField(allow_null=True)
    article_id = serializers.IntegerField(allow_null=True)


class UndoneListSerializer(serializers.Serializer):
    items = UndoneSerializer(many=True)


class ManualPieceSerializer(StrictSerializer):
    source_id = serializers.IntegerField(min_value=1)
    title = serializers.CharField()
    summary = serializers.CharField()
    source_url = serializers.CharField(max_length=URL_LENGTH)
    cover_url = serializers.CharField(max_length=URL_LENGTH, required=False, allow_blank=True, default="")
    video_url = serializers.CharField(max_length=URL_LENGTH, required=False, allow_blank=True, default="")


class CorrectSerializer(VersionSerializer):
    title = serializers.CharField(required=False)
    summary = serializers.CharField(required=False, allow_blank=True)
    notice = serializers.CharField(max_length=NOTICE_LENGTH, help_text="What readers are told about the correction")


class RetractSerializer(VersionSerializer):
    notice = serializers.CharField(max_length=NOTICE_LENGTH, help_text="What readers are told about the retraction")


class OfflineSerializer(VersionSerializer):
    reason = serializers.CharField(max_length=NOTICE_LENGTH, help_text="For the audit log; readers don't see it")


class ArticleStateSerializer(serializers.ModelSerializer[Article]):
    """An article as staff see it after a change."""

    class Meta:
        model = Article
        fields = (
            "id",
            "status",
            "version",
            "title",
            "summary",
            "published_at",
            "publish_at",
            "corrected_at",
            "retracted_at",
            "notice",
        )
        read_only_fields = fields


class TakedownRequestSerializer(StrictSerializer):
    target_type = serializers.CharField(default="article", help_text="Only article")
    target_id = serializers.IntegerField(min_value=1)
    reason = serializers.CharField(max_length=NOTICE_LENGTH)
    complainant = serializers.CharField(max_length=128, required=False, allow_blank=True, default="")
    evidence_url = serializers.CharField(max_length=URL_LENGTH, required=False, allow_blank=True, default="")


class ResolveSerializer(StrictSerializer):
    action = serializers.CharField(help_text="offlined or rejected")


class TakedownSerializer(serializers.ModelSerializer[Takedown]):
    target_id = serializers.IntegerField(source="article_id")
    action = serializers.CharField(help_text="offlined or rejected; empty while open")

    class Meta:
        model = Takedown
        fields = (
            "id",
            "target_type",
            "target_id",
            "reason",
            "complainant",
            "evidence_url",
            "status",
            "action",
            "resolved_at",
            "created_at",
        )
        read_only_fields = fields


class FetchSerializer(StrictSerializer):
    source_id = serializers.IntegerField(min_value=1)
    url = serializers.CharField(
        required=False, allow_blank=True, max_length=URL_LENGTH, default="", help_text="The source's own by default"
    )
    parser_kind = serializers.CharField(
        required=False, allow_blank=True, max_length=32, default="", help_text="The source's own by default"
    )


class AcceptedSerializer(serializers.Serializer):
    task_id = serializers.CharField()
