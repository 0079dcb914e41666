from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("fighters", "0006_name_keys_anew"),
    ]

    operations = [
        migrations.AddField(
            model_name="unmatchedname",
            name="decision",
            field=models.JSONField(blank=True, editable=False, null=True),
        ),
    ]
