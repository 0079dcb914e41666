"""The baseline: the project that ``django-admin startproject`` makes, with one plain DRF viewset over ``tb_order``.

Same table, same users, same bearer tokens, same server; Django's own middleware, DRF's own renderer, no envelope, log,
audit, throttle or idempotency.  It is the settings module, the URLs and the WSGI entry of its own process.
"""

from __future__ import annotations

import os

if os.environ.get("DJANGO_SETTINGS_MODULE") == __name__:
    os.environ.setdefault("DATABASE_POOL", "1")
    from project.settings import *  # noqa: F403

    # The product's apps stay, since the table and the tokens are theirs; they cost a request nothing.
    MIDDLEWARE = [
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ]
    REST_FRAMEWORK = {
        "DEFAULT_AUTHENTICATION_CLASSES": ["apps.users.api.authentication.BearerAuthentication"],
        "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.PageNumberPagination",
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
        "PAGE_SIZE": 20,
    }
    ROOT_URLCONF = "tests.benchmarks.orders_plain_urls"
    WSGI_APPLICATION = "tests.benchmarks.orders_plain_urls.application"
