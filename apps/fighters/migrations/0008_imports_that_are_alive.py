from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("fighters", "0007_what_a_decision_did"),
    ]

    operations = [
        migrations.AddField(
            model_name="importrun",
            name="alive_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
    ]
