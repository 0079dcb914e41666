from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0005_sim_sync_claims"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="simusage",
            index=models.Index(fields=["day"], name="idx_sim_usage_day"),
        ),
    ]
