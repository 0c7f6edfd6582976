"""Parts of forms that several pages share."""

from django import forms
from django.utils.translation import gettext_lazy


class NewPassword(forms.CharField):
    """A password of somebody new. What counts as one is said by the verb that takes it."""

    def __init__(self) -> None:
        super().__init__(
            label=gettext_lazy("Password"),
            help_text=gettext_lazy("At least 10 characters."),
            strip=False,
            max_length=1024,
            widget=forms.PasswordInput({"autocomplete": "new-password"}),
        )
