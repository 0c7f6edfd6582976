"""`conclave operator`: the only way to become an operator."""

import io
import re
import secrets

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.sessions.backends.db import SessionStore
from django.core.management import CommandError, call_command

from tenants.people.models import User

pytestmark = pytest.mark.usefixtures("database")
PASSWORD = "a quite good password"


@pytest.fixture
def email() -> str:
    return f"ops-{secrets.token_hex(4)}@example.com"


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str, typed: str = "") -> str:
    told = io.StringIO()
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    call_command("operator", *arguments, stdout=told)
    return told.getvalue()


def test_an_operator_is_made_with_a_second_factor_that_is_shown_once(
    email: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = command(monkeypatch, "add", email.upper(), "--password-stdin", typed=f"{PASSWORD}\n")

    operator = User.objects.get(email=email)
    assert operator.check_password(PASSWORD)
    assert EmailAddress.objects.get(user=operator).verified
    (secret,) = re.findall(r"otpauth://totp/\S*secret=([A-Z2-7]+)", told)
    assert Authenticator.objects.get(user=operator).wrap().instance.data["secret"] == secret
    assert "▄" in told
    assert PASSWORD not in told


def test_without_a_password_one_is_made(email: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getpass", lambda _: "")

    told = command(monkeypatch, "add", email)

    (password,) = re.findall(r"Password: (\S+)", told)
    assert User.objects.get(email=email).check_password(password)


def test_a_password_is_typed_twice(email: str, monkeypatch: pytest.MonkeyPatch) -> None:
    typed = iter([PASSWORD, PASSWORD + "!"])
    monkeypatch.setattr("getpass.getpass", lambda _: next(typed))

    with pytest.raises(CommandError, match="differ"):
        command(monkeypatch, "add", email)

    assert not User.objects.filter(email=email).exists()


@pytest.mark.parametrize(("address", "password"), [("nobody", PASSWORD), ("ops@example.com", "short")])
def test_a_bad_address_or_password_is_told_in_words(
    address: str, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CommandError, match=r"valid email|too short"):
        command(monkeypatch, "add", address, "--password-stdin", typed=password)


def test_an_operator_is_made_once(email: str, monkeypatch: pytest.MonkeyPatch) -> None:
    command(monkeypatch, "add", email, "--password-stdin", typed=PASSWORD)

    with pytest.raises(CommandError, match="already"):
        command(monkeypatch, "add", email, "--password-stdin", typed=PASSWORD)


def test_a_deactivated_operator_stays_listed_and_is_signed_out(email: str, monkeypatch: pytest.MonkeyPatch) -> None:
    command(monkeypatch, "add", email, "--password-stdin", typed=PASSWORD)
    session = SessionStore()
    session["_auth_user_id"] = str(User.objects.get(email=email).pk)
    session.create()

    command(monkeypatch, "deactivate", email)

    assert not User.objects.get(email=email).is_active
    assert not SessionStore().exists(str(session.session_key))
    assert re.search(rf"{re.escape(email)} +deactivated", command(monkeypatch, "list"))


def test_nobody_else_is_deactivated(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CommandError, match="no operator"):
        command(monkeypatch, "deactivate", "stranger@example.com")
