"""Articles that were published before this column existed were first published when they were published."""

from django.db import migrations
from django.db.models import F


def fill(apps, schema_editor):
    articles = apps.get_model("articles", "Article").objects
    articles.filter(published_at__isnull=False).update(first_published_at=F("published_at"))


class Migration(migrations.Migration):
    dependencies = [("articles", "0002_review_and_publication")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
