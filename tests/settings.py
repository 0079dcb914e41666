"""Settings of the test runs: the product's own, with a Redis database per xdist worker and cheap hashes."""

import os
from urllib.parse import urlsplit

_worker = os.environ.get("PYTEST_XDIST_WORKER", "")
if _worker:
    # The workers of one run never share a Redis database: each test empties its own.
    _number = int(_worker.removeprefix("gw")) + 1
    _parts = urlsplit(os.environ["REDIS_URL"])
    if _parts.scheme == "unix":
        os.environ["REDIS_URL"] = f"unix://{_parts.path}?db={_number}"
    else:
        os.environ["REDIS_URL"] = _parts._replace(path=f"/{_number}").geturl()

# Generous where two processors carry a whole run; tests of the limit set their own (core/test_time_limits.py).
os.environ.setdefault("DB_TIME_LIMIT_SECONDS", "30")

from project.settings import *  # noqa: E402, F403

DEBUG = False
SECURE_SSL_REDIRECT = False
# Each test client loads the middleware anew, and WhiteNoise would look at every file each time: it looks when one is
# asked for.
WHITENOISE_AUTOREFRESH = True
# Local servers need no pause; tests of the pause set one.
FETCH_HOST_GAP_SECONDS = 0
# bcrypt with its least cost: the algorithm stays the product's own.
PASSWORD_HASHERS = ["tests.factories.hashers.QuickBCrypt", *PASSWORD_HASHERS[1:]]  # noqa: F405
# Its `flush` may empty the append-only audit log; the product's may not.
INSTALLED_APPS = ["tests.flush", *INSTALLED_APPS]  # noqa: F405
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):  # noqa: F405
    # A file: several connections to one in-memory database meet table locks that a file does not have.
    DATABASES["default"].setdefault("TEST", {})["NAME"] = f"{DATABASES['default']['NAME']}.test"  # noqa: F405
