"""Operators are made here and nowhere else: a password and a second factor, shown once."""

import getpass
import io
import secrets
import sys
from typing import Any

import qrcode
from allauth.account.models import EmailAddress
from allauth.mfa.adapter import get_adapter
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.password_validation import validate_password
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from tenants.people.models import Role, User


class Command(BaseCommand):
    help = "Makes, lists and deactivates operators: those who run this installation."

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_subparsers(dest="what", required=True)
        adding = what.add_parser("add", help="make an operator; prints the second factor, this once")
        adding.add_argument("email")
        adding.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
        what.add_parser("list", help="all operators")
        what.add_parser("deactivate", help="an operator who may not sign in any more").add_argument("email")

    def handle(self, *args: Any, what: str, **options: Any) -> None:
        getattr(self, f"_{what}")(**{name: options.get(name) for name in ("email", "password_stdin")})

    def _add(self, *, email: str, password_stdin: bool) -> None:
        operator = User(email=email.strip().lower(), name=email.partition("@")[0][:80], role=Role.OWNER)
        _require_valid(validate_email, operator.email)
        password = sys.stdin.readline().rstrip("\n") if password_stdin else self._asked()
        _require_valid(validate_password, password, operator)
        operator.set_password(password)
        secret = generate_totp_secret()
        try:
            with transaction.atomic():
                operator.save()
                EmailAddress.objects.create(user=operator, email=operator.email, primary=True, verified=True)
                TOTP.activate(operator, secret)
        except IntegrityError:
            raise CommandError(f"{operator.email} is an operator already.") from None
        self._show(operator, secret)

    def _asked(self) -> str:
        """The password typed twice, or one of our making if nothing is typed."""
        typed = getpass.getpass("Password (empty: one is made for you): ")
        if not typed:
            typed = secrets.token_urlsafe(18)
            self.stdout.write(f"Password: {typed}")
        elif typed != getpass.getpass("Password again: "):
            raise CommandError("The two passwords differ; nothing was done.")
        return typed

    def _show(self, operator: User, secret: str) -> None:
        address = get_adapter().build_totp_url(operator, secret)
        code, drawn = qrcode.QRCode(), io.StringIO()
        code.add_data(address)
        code.print_ascii(out=drawn, invert=True)
        self.stdout.write(f"{operator.email} is an operator. The second factor for an authenticator, shown only now:")
        self.stdout.write(f"{drawn.getvalue()}\n{address}")

    def _list(self, **_: Any) -> None:
        for operator in User.objects.order_by("email"):
            self.stdout.write(f"{operator.email:40} {'active' if operator.is_active else 'deactivated'}")

    def _deactivate(self, *, email: str, **_: Any) -> None:
        """Not deleted, for deleting would look for rows that only organisations have. Open sessions end."""
        operator = User.objects.filter(email__iexact=email).first()
        if operator is None:
            raise CommandError(f"There is no operator {email}.")
        operator.is_active = False
        operator.save()
        for session in Session.objects.all():
            if session.get_decoded().get(SESSION_KEY) == str(operator.pk):
                session.delete()
        self.stdout.write(f"{operator.email} is deactivated.")


def _require_valid(check: Any, *values: Any) -> None:
    try:
        check(*values)
    except ValidationError as error:
        raise CommandError(" ".join(error.messages)) from error
