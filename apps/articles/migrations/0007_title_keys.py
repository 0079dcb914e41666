import django.db.models.deletion
from django.db import migrations, models

from apps.articles.title_keys import title_keys

BATCH = 500


def write_keys(apps, schema_editor):
    """The keys of the articles that are there; safe to run twice, in batches of one short statement each."""
    article, key_row = apps.get_model("articles", "Article"), apps.get_model("articles", "ArticleTitleKey")
    last = 0
    while rows := list(article.objects.filter(pk__gt=last).order_by("pk").values_list("pk", "title")[:BATCH]):
        last = rows[-1][0]
        key_row.objects.filter(article_id__in=[pk for pk, _title in rows]).delete()
        key_row.objects.bulk_create(
            [key_row(article_id=pk, key=key) for pk, title in rows for key in sorted(title_keys(title))],
            batch_size=2000,
        )


class Migration(migrations.Migration):
    dependencies = [
        ("articles", "0006_stories"),
    ]

    operations = [
        migrations.CreateModel(
            name="ArticleTitleKey",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=32)),
                (
                    "article",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="title_keys", to="articles.article"
                    ),
                ),
            ],
            options={
                "db_table": "article_title_keys",
                "default_permissions": (),
                "indexes": [models.Index(fields=["key", "article"], name="idx_article_title_keys_key")],
            },
        ),
        migrations.RunPython(write_keys, migrations.RunPython.noop),
    ]
