import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models.functions import Now

ROLES = [
    ("owner", "Owner"),
    ("admin", "Admin"),
    ("moderator", "Moderator"),
    ("member", "Member"),
    ("guest", "Guest"),
]


def texts(longest, **how):
    return django.contrib.postgres.fields.ArrayField(
        base_field=models.CharField(max_length=longest), default=list, size=None, **how
    )


class Migration(migrations.Migration):
    dependencies = [("people", "0001_initial")]

    operations = [
        # Join links become invitations: those that were made stay good, as they were meant, for members.
        migrations.RenameModel("JoinLink", "Invitation"),
        migrations.AddField(
            "invitation", "email", models.EmailField(blank=True, db_default="", default="", max_length=254)
        ),
        migrations.AddField(
            "invitation", "role", models.CharField(choices=ROLES, db_default="member", default="member", max_length=10)
        ),
        migrations.AddField("invitation", "rooms", texts(60, db_default=models.Value([]))),
        migrations.AddField("invitation", "expires_at", models.DateTimeField(null=True)),
        migrations.AddField("invitation", "most_uses", models.PositiveIntegerField(null=True)),
        migrations.AddField("invitation", "uses", models.PositiveIntegerField(db_default=0, default=0)),
        migrations.AddField("user", "shows_presence", models.BooleanField(db_default=True, default=True)),
        migrations.CreateModel(
            "Settings",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("time_zone", models.CharField(default="UTC", max_length=60)),
                ("default_rooms", texts(60)),
                ("email_domains", texts(253)),
                ("requires_second_factor", models.BooleanField(default=False)),
                ("logo", models.BinaryField(null=True)),
                ("logo_mark", models.CharField(blank=True, max_length=16)),
            ],
        ),
        migrations.CreateModel(
            "AuditEntry",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(db_default=Now(), db_index=True)),
                ("name", models.CharField(max_length=80)),
                ("what", models.CharField(max_length=40)),
                ("whom", models.CharField(blank=True, max_length=200)),
                ("detail", models.JSONField(default=dict)),
                ("client_address", models.CharField(blank=True, max_length=64)),
                (
                    "who",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            "Answer",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=100)),
                ("fingerprint", models.CharField(max_length=64)),
                ("status", models.PositiveSmallIntegerField()),
                ("kind", models.CharField(max_length=60)),
                ("body", models.TextField()),
                ("at", models.DateTimeField(db_default=Now(), db_index=True)),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("user", "key"), name="people_answer_once")],
            },
        ),
    ]
