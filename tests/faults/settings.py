"""Settings of the processes that faults and measurements start: the product's own plus the workload app."""

import os

from kombu import Queue

from project.settings import *  # noqa: F403
from project.settings import CELERY_TASK_QUEUES as _QUEUES
from project.settings import INSTALLED_APPS as _APPS

INSTALLED_APPS = [*_APPS, "tests.faults.workload"]
if os.environ.get("WORKLOAD_YARDSTICKS"):
    # Queues of the plain yardsticks, beside the product's three.
    CELERY_TASK_QUEUES = [*_QUEUES, Queue("plain", routing_key="plain"), Queue("results", routing_key="results")]

if os.environ.get("WORKLOAD_RESULTS"):
    # The yardstick that keeps a history in the database: django-celery-results.
    INSTALLED_APPS.append("django_celery_results")
    CELERY_RESULT_BACKEND = "django-db"
    CELERY_TASK_IGNORE_RESULT = False
    CELERY_TASK_TRACK_STARTED = True
