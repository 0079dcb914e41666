from django.db import migrations, models

from apps.articles.services.identity import IdentityPolicy, id_hash, identity_hash, words_hash

BATCH = 500


def _batches(rows):
    last = 0
    while part := list(rows.filter(pk__gt=last).order_by("pk")[:BATCH]):
        last = part[-1].pk
        yield part


def write_hashes(apps, schema_editor):
    """Of what is there, by the rules of now; safe to run twice, in batches of short statements."""
    piece, revision, article, source = (
        apps.get_model("articles", name) for name in ("PendingArticle", "PendingRevision", "Article", "Source")
    )
    policies = dict(source.objects.values_list("pk", "identity_policy"))
    for part in _batches(piece.objects.defer("content")):
        _write_keys(part, piece, article, policies)
        for row in part:
            row.title_hash = words_hash(row.title, row.summary)
            guid = str(row.raw_payload.get("guid", ""))
            row.id_hash = id_hash(row.source_id, guid) if guid and row.source_id else ""
        piece.objects.bulk_update(part, ["title_hash", "id_hash"])
    for part in _batches(revision.objects.all()):
        for row in part:
            row.title_hash = words_hash(row.title, row.summary)
        revision.objects.bulk_update(part, ["title_hash"])


def _write_keys(part, piece, article, policies):
    """A piece whose new key is taken keeps its old one."""
    keys = {row.pk: _key(row, policies) for row in part}
    taken = set(piece.objects.filter(identity_hash__in=keys.values()).values_list("identity_hash", flat=True))
    taken |= set(article.objects.filter(identity_hash__in=keys.values()).values_list("identity_hash", flat=True))
    moved = []
    for row in part:
        if keys[row.pk] not in taken:
            taken.add(keys[row.pk])
            row.identity_hash = keys[row.pk]
            moved.append(row)
    articles = list(
        article.objects.filter(pending_id__in=[row.pk for row in moved]).only("pending_id", "identity_hash")
    )
    for one in articles:
        one.identity_hash = keys[one.pending_id]
    piece.objects.bulk_update(moved, ["identity_hash"])
    article.objects.bulk_update(articles, ["identity_hash"])


def _key(row, policies):
    raw = row.raw_payload
    return identity_hash(
        source_id=row.source_id or 0,
        policy=IdentityPolicy(policies.get(row.source_id, "url")),
        url=str(raw.get("url", row.source_url)),
        guid=str(raw.get("guid", "")),
        title=str(raw.get("title", row.title)),
        published_at=row.source_published_at,
        text=str(raw.get("summary", row.summary)),
    )


class Migration(migrations.Migration):
    dependencies = [
        ("articles", "0008_mentions"),
    ]

    operations = [
        migrations.AddField(
            model_name="pendingarticle",
            name="id_hash",
            field=models.CharField(blank=True, default="", editable=False, max_length=64),
        ),
        migrations.AddIndex(
            model_name="pendingarticle",
            index=models.Index(fields=["id_hash"], name="idx_pending_articles_id_hash"),
        ),
        migrations.RunPython(write_hashes, migrations.RunPython.noop),
    ]
