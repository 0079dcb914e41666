from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0004_sim_sync_requests"),
    ]

    operations = [
        migrations.AddField(
            model_name="syncrun",
            name="claim",
            field=models.CharField(blank=True, db_default="", default="", editable=False, max_length=160),
        ),
    ]
