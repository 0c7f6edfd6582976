"""Links that let a person choose a new password."""

from django.contrib.auth.tokens import PasswordResetTokenGenerator

from tenants.people.models import User
from tenants.schema import current_key


class ResetTokens(PasswordResetTokenGenerator):
    """Bound to the organisation: not even a row with the same number and password elsewhere is opened by one."""

    def _make_hash_value(self, user: User, timestamp: int) -> str:
        return f"{current_key()}|{super()._make_hash_value(user, timestamp)}"
