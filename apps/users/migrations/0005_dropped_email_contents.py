from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("users", "0004_emails"),
    ]

    operations = [
        migrations.AddField(
            model_name="email",
            name="content_dropped_at",
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name="content dropped"),
        ),
        migrations.AddIndex(
            model_name="email",
            index=models.Index(fields=["content_dropped_at", "created_at"], name="idx_email_content"),
        ),
    ]
