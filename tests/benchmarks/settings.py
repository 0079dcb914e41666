"""The product's settings with the peers beside it and the models they are measured on."""

import importlib.util

from project.settings import *  # noqa: F403
from project.settings import DATABASES, INSTALLED_APPS

PEERS = ["auditlog", "simple_history", "django_celery_results"]
if DATABASES["default"]["ENGINE"].endswith("postgresql"):
    PEERS += ["pgtrigger", "pghistory"]
INSTALLED_APPS = [*INSTALLED_APPS, *(name for name in PEERS if importlib.util.find_spec(name)), "tests.benchmarks"]
# The measured tables have no migrations; the bench makes them when the users' table stands.
DATABASE_ROUTERS = ["tests.benchmarks.harness.NotByMigrate"]
DEBUG = False
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"].setdefault("TEST", {})["NAME"] = f"{DATABASES['default']['NAME']}.bench"
# What is measured is work, not the pause between two polls of one server.
FETCH_HOST_GAP_SECONDS = 0
