"""Routes of the baseline (see ``articles_plain``)."""

from __future__ import annotations

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()

from django.http import HttpResponse  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework import generics, permissions, serializers  # noqa: E402

from apps.articles.models import Article  # noqa: E402


class ArticleSerializer(serializers.ModelSerializer):
    source_name = serializers.CharField(source="source.name", default="")

    class Meta:
        model = Article
        fields = (
            "id",
            "source_id",
            "source_name",
            "title",
            "summary",
            "source_url",
            "cover_url",
            "video_url",
            "published_at",
            "source_published_at",
        )


class ArticleList(generics.ListAPIView):
    permission_classes = (permissions.AllowAny,)
    serializer_class = ArticleSerializer
    queryset = Article.objects.filter(status="published").select_related("source").order_by("-published_at", "-id")


urlpatterns = [
    path("api/v1/articles", ArticleList.as_view()),
    path("healthz", lambda request: HttpResponse("ok")),
]
