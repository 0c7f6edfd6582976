"""How passwords are hashed."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class Argon2(Argon2PasswordHasher):
    """Argon2id with 46 MiB, one pass, one lane: first of the settings of equal strength in OWASP's Password Storage
    Cheat Sheet. 85 ms of CPU here, where Django's 100 MiB, two passes, eight lanes take 300: a rush of sign-ins is then
    an attack on everybody's processor. Older hashes are renewed at the next sign-in."""

    time_cost = 1
    memory_cost = 47_104  # KiB
    parallelism = 1
