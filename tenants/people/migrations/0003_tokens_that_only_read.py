from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("people", "0002_invitations_settings_audit")]

    operations = [
        migrations.AddField("token", "reads_only", models.BooleanField(db_default=False, default=False)),
    ]
