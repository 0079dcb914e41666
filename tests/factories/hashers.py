"""bcrypt with its least cost, so that tests hash really and quickly."""

from __future__ import annotations

from django.contrib.auth.hashers import BCryptSHA256PasswordHasher


class QuickBCrypt(BCryptSHA256PasswordHasher):
    rounds = 4
