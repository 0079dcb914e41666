"""The baseline: Django's own middleware and one plain DRF list over ``articles``: settings of its own process."""

from __future__ import annotations

import os

if os.environ.get("DJANGO_SETTINGS_MODULE") == __name__:
    from project.settings import *  # noqa: F403

    MIDDLEWARE = [
        "django.middleware.security.SecurityMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ]
    REST_FRAMEWORK = {
        "DEFAULT_AUTHENTICATION_CLASSES": [],
        "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.PageNumberPagination",
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "PAGE_SIZE": 20,
    }
    ROOT_URLCONF = "tests.benchmarks.articles_plain_urls"
    WSGI_APPLICATION = "tests.benchmarks.articles_plain_urls.application"
