from django.db import migrations

from apps.fighters.name_keys import keys_of

BATCH = 500


def write_keys(apps, schema_editor):
    """Of everybody, as they are derived now; safe to run twice, in batches of short statements."""
    fighter, alias, key_row = (
        apps.get_model("fighters", name) for name in ("Fighter", "FighterAlias", "FighterNameKey")
    )
    last, alive = 0, fighter.objects.filter(merged_into__isnull=True).order_by("pk")
    while rows := list(alive.filter(pk__gt=last).values_list("pk", "name", "name_zh", "nickname")[:BATCH]):
        last = rows[-1][0]
        ids = [row[0] for row in rows]
        spellings = {}
        for fighter_id, name in alias.objects.filter(fighter_id__in=ids).values_list("fighter_id", "name"):
            spellings.setdefault(fighter_id, []).append(name)
        key_row.objects.filter(fighter_id__in=ids).delete()
        key_row.objects.bulk_create(
            [
                key_row(fighter_id=pk, name_key=key, kind=int(kind))
                for pk, name, name_zh, nickname in rows
                for key, kind in sorted(keys_of(name, name_zh, nickname, spellings.get(pk, ())))
            ],
            batch_size=2_000,
        )


class Migration(migrations.Migration):
    dependencies = [
        ("fighters", "0005_unsure_names"),
    ]

    operations = [
        migrations.RunPython(write_keys, migrations.RunPython.noop),
    ]
