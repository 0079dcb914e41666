"""One settings file.  Reads only ``project.env``; no branch on an environment name."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from email.utils import parseaddr
from pathlib import Path
from typing import Any

from kombu import Queue

from apps.core.logging import configure_structlog, logging_config
from apps.core.redis import broker_url
from project.back_office import UNFOLD as UNFOLD
from project.databases import database_config
from project.env import load_env

BASE_DIR = Path(__file__).resolve().parent.parent
env = load_env()


def _split(value: str) -> list[str]:
    return [item.strip() for item in value.split(",") if item.strip()]


# --- the basics ---------------------------------------------------------------------------------------------------
SECRET_KEY = env.secret_key
DEBUG = env.debug
ALLOWED_HOSTS = _split(env.allowed_hosts) or ["localhost", "127.0.0.1", "[::1]"]
CSRF_TRUSTED_ORIGINS = _split(env.csrf_trusted_origins)
ROOT_URLCONF = "project.urls"
WSGI_APPLICATION = "project.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "users.User"
# E003, W004: a soft-deleted name is unique only together with deleted_key (decision 4), which Django's check can't see.
SILENCED_SYSTEM_CHECKS = ["auth.E003", "auth.W004"]
DEMO_CONTENT = env.demo_content
DEMO_PASSWORD_FILE = env.demo_password_file
# Asked by every server process before it begins (core.starting).
START_CHECKS = ["apps.core.connecting.wait_for_database", "apps.users.services.demo.refuse_start_with_demo_user"]
PUBLIC_URL = env.public_url

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    # Before Django's own, whose commands for accounts would write past the services and the audit log; after
    # django-axes, whose receiver of a failed sign-in decides what ours notes.
    "axes",
    "apps.users",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "django_celery_beat",
    "django_structlog",
    "health_check",
    "apps.core",
    "apps.audit",
    "apps.taskhub",
    "apps.scheduler",
    "apps.fighters",
    "apps.events",
    "apps.articles",
    "apps.orders",
]

MIDDLEWARE = [
    # Outermost, so that no request escapes the log (C-6).
    "apps.core.middleware.access_log.AccessLogMiddleware",
    "apps.core.middleware.request_context.RequestContextMiddleware",
    "apps.core.middleware.language.LanguageMiddleware",
    "apps.core.api.outside_drf.ApiErrorMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "apps.core.middleware.security_headers.SecurityHeadersMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- data ---------------------------------------------------------------------------------------------------------
DATABASES: dict[str, dict[str, Any]] = {"default": database_config(env)}
# What takes longer is stopped by the database; migrations, imports and retention say their own limit.
DATABASE_TIME_LIMIT_SECONDS = env.db_time_limit_seconds
SLOW_QUERY_SECONDS = env.slow_query_ms / 1000
REDIS_URL = env.redis_url
REDIS_POOL_SIZE = env.redis_pool_size
REDIS_POOL_MIN_IDLE = env.redis_pool_min_idle

# --- language and time --------------------------------------------------------------------------------------------
LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", "简体中文"), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
TIME_ZONE = env.time_zone
USE_TZ = True

# --- files --------------------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Served from where they lie: there is no step that collects them, and so none that can be forgotten.
WHITENOISE_USE_FINDERS = True
WHITENOISE_MAX_AGE = 600
LOG_DIR = Path(env.log_dir) if Path(env.log_dir).is_absolute() else BASE_DIR / env.log_dir

# --- logs ---------------------------------------------------------------------------------------------------------
configure_structlog()
LOGGING = logging_config(log_dir=LOG_DIR, level=env.log_level)

# --- client address (decision 23) ---------------------------------------------------------------------------------
TRUSTED_PROXIES = _split(env.trusted_proxies)
CLIENT_IP_HEADER = env.client_ip_header

# --- browsers -----------------------------------------------------------------------------------------------------
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = SECURE_SSL_REDIRECT = env.secure_cookies
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
SECURE_HSTS_SECONDS = 31_536_000 if env.secure_cookies else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.secure_cookies
# Taken off every request that doesn't come from a trusted proxy (RequestContextMiddleware).
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
# Probes inside the cluster speak plain HTTP.
SECURE_REDIRECT_EXEMPT = [r"^(health|healthz|readyz|metrics)$"]
X_FRAME_OPTIONS = "DENY"
_NO_FRAMES = "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
_OWN_STYLES = "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:"
_OWN_PAGES = f"default-src 'self'; {_OWN_STYLES}; {_NO_FRAMES}"
CONTENT_SECURITY_POLICIES = (
    # Unfold's Alpine evaluates the expressions in its attributes.
    ("/admin/", f"script-src 'self' 'unsafe-eval'; {_OWN_PAGES}"),
    ("/api/docs", _OWN_PAGES),
    ("/api/", f"default-src 'none'; {_NO_FRAMES}"),
    ("", _OWN_PAGES),
)

# --- sign-in ------------------------------------------------------------------------------------------------------
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "apps.users.backends.NameOrEmailBackend"]
# New hashes are bcrypt; one of another kind is replaced at the next sign-in.
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.BCryptSHA256PasswordHasher",
    "django.contrib.auth.hashers.BCryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 8}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "admin:login"
# A name from one address is locked for a quarter of an hour after five failures; the same name from elsewhere and
# other names from there are not.  Counted in the database, so that it holds without Redis.
AXES_HANDLER = "axes.handlers.database.AxesDatabaseHandler"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_HTTP_RESPONSE_CODE = 429
AXES_CLIENT_IP_CALLABLE = "apps.users.backends.lock_address"
AXES_USERNAME_CALLABLE = "apps.users.backends.lock_name"
AXES_LOCKOUT_CALLABLE = "apps.users.backends.locked_out"
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=10),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=14),
    "ALGORITHM": "HS256",
    # A key of its own, so that a token is never mistaken for another signature made with SECRET_KEY.
    "SIGNING_KEY": hashlib.sha256(b"bajiaozhi.jwt|" + SECRET_KEY.encode()).hexdigest(),
    "ISSUER": "bajiaozhi",
    "AUDIENCE": "bajiaozhi-api",
    "USER_ID_CLAIM": "sub",
    "LEEWAY": 5,
    "UPDATE_LAST_LOGIN": False,
}

# --- outgoing HTTP ------------------------------------------------------------------------------------------------
HTTP_ALLOWED_PRIVATE = frozenset(_split(env.http_allowed_private))
# Honest: who asks, and where to read about it.
HTTP_USER_AGENT = env.http_user_agent or f"Bajiaozhi/0.1 (+{PUBLIC_URL or 'https://bajiaozhi.invalid/'})"
HTTP_REFUSED_IN_TRANSACTION = True
FETCH_HOST_GAP_SECONDS = env.fetch_host_gap_seconds

# --- e-mail -------------------------------------------------------------------------------------------------------
EMAIL_HOST, EMAIL_PORT = env.smtp_host, env.smtp_port
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = env.smtp_user, env.smtp_password
EMAIL_USE_TLS, EMAIL_USE_SSL = env.smtp_security == "starttls", env.smtp_security == "tls"
EMAIL_TIMEOUT, EMAIL_REPLY_TIMEOUT = env.smtp_timeout_seconds, env.smtp_reply_timeout_seconds
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.email_from
EMAIL_MESSAGE_ID_DOMAIN = parseaddr(env.email_from)[1].rpartition("@")[2] or "bajiaozhi.invalid"

# --- carrier ------------------------------------------------------------------------------------------------------
CARRIER_BASE_URL, CARRIER_API_KEY = env.carrier_base_url, env.carrier_api_key
CARRIER_TIMEOUT_SECONDS = env.carrier_timeout_seconds
SIM_STATUS_FRESH = timedelta(minutes=env.sim_status_fresh_minutes)

# --- live results -----------------------------------------------------------------------------------------------------
LIVE_SOURCE = "espn"
LIVE_SCOREBOARD_URL = env.live_scoreboard_url
LIVE_PROVIDER_ZONE = env.live_provider_zone
LIVE_POLL_SECONDS = env.live_poll_seconds
LIVE_SLOW_POLL_SECONDS = env.live_slow_poll_seconds
LIVE_URL, LIVE_PORT = env.live_url.rstrip("/"), env.live_port
LIVE_LISTENERS = env.live_listeners
LIVE_LISTENERS_PER_ADDRESS = env.live_listeners_per_address

# --- task hub: Celery 5.7 -----------------------------------------------------------------------------------------
# Another broker (amqp://) may be named; the hub's own keys and streams stay in REDIS_URL.
CELERY_BROKER_URL = env.celery_broker_url or broker_url(REDIS_URL)
CELERY_TASK_QUEUES = [Queue(name, routing_key=name) for name in ("critical", "default", "low")]
CELERY_TASK_DEFAULT_QUEUE = "default"
# A misspelt queue must fail, not be made.
CELERY_TASK_CREATE_MISSING_QUEUES = False
# Only JSON, in both directions: an unpickled message could run anything.
CELERY_TASK_SERIALIZER = "json"
CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_ENABLE_UTC = True
# History and results are the hub's: nothing may grow in Redis beside it.
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_STORE_ERRORS_EVEN_IF_IGNORED = False
CELERY_TASK_TRACK_STARTED = False
CELERY_TASK_SEND_SENT_EVENT = False
CELERY_WORKER_SEND_TASK_EVENTS = False
# A message is acknowledged when its task has ended; with prefetch 1 a worker holds no more than it runs.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_ACKS_ON_FAILURE = True
CELERY_TASK_ACKS_ON_TIMEOUT = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# Whoever lost its worker is sent again by the hub, which counts it; Celery would redeliver for ever.
CELERY_TASK_REJECT_ON_WORKER_LOST = False
CELERY_TASK_RETRY_ON_WORKER_LOST = False
# Of hub tasks that state none; Celery's two hold for anything else that a worker might run.
TASK_TIME_LIMIT_SECONDS = CELERY_TASK_SOFT_TIME_LIMIT = env.task_time_limit_seconds
CELERY_TASK_TIME_LIMIT = env.task_time_limit_seconds + 30
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # Two hours: longer than any hard limit (definition.MAX_HARD_LIMIT_SECONDS), so that a running task is not handed
    # out twice.
    "visibility_timeout": 7_200,
    "queue_order_strategy": "apps.taskhub.hub_task.queue_order:WeightedCycle",
    # No priorities within a queue (decision 17): one Redis list per queue, not four to look into.
    "priority_steps": [0],
    # Without limits a worker whose Redis vanished waits for ever.
    "socket_timeout": 30,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 25,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_POOL_ACQUIRE_TIMEOUT = 1
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 3, "interval_start": 0, "interval_step": 0.5, "interval_max": 2}
# A task whose worker lost the broker goes on: its end goes over another connection, and the start fence drops the
# second delivery.
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
# Processes, because only they can be stopped at a hard time limit.
CELERY_WORKER_POOL = "prefork"
CELERY_WORKER_CONCURRENCY = env.worker_concurrency
# Recycled when large, or after so many tasks that the fork costs nothing.
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 512_000
CELERY_WORKER_MAX_TASKS_PER_CHILD = 10_000
# Celery's own limit of a stop holds for SIGQUIT only; ours (taskhub.signals, C-5) holds for SIGTERM and Ctrl-C too.
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 0
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# Keep the connection: Celery's default reconnects for every task (five times slower, feasibility §3).
CELERY_DB_REUSE_MAX = 1_000_000
TASK_MAX_RETRIES = env.task_max_retries
# The store behind the hub's API (decision 20).
TASKHUB_TASK_REPOSITORY = "apps.taskhub.repositories.sql.SqlTaskRepository"
TASKHUB_WORKER_REPOSITORY = "apps.taskhub.repositories.sql.SqlWorkerRepository"

# --- scheduler ----------------------------------------------------------------------------------------------------
CELERY_BEAT_SCHEDULER = "apps.scheduler.beat:HubScheduler"
LOCK_BACKEND = env.lock_backend

# --- admin --------------------------------------------------------------------------------------------------------
# The look (UNFOLD) stands in project.back_office, the sidebar in project.navigation.
# Where the history of an object is told: (request, object) -> address, or "" for nowhere.
BACK_OFFICE_HISTORY = "project.navigation.history_of"

# --- API ----------------------------------------------------------------------------------------------------------
REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_RENDERER_CLASSES": ["apps.core.api.envelope.EnvelopeRenderer"],
    "DEFAULT_PARSER_CLASSES": ["apps.core.api.parsers.JSONBody"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "apps.core.api.envelope.JSONAlways",
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "apps.users.api.authentication.BearerAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    # A view that declares nothing refuses everybody.
    "DEFAULT_PERMISSION_CLASSES": ["apps.core.api.permissions.Undeclared"],
    "DEFAULT_THROTTLE_CLASSES": ["apps.core.api.throttling.RateLimit"],
    "DEFAULT_PAGINATION_CLASS": "apps.core.api.pagination.PageNumber",
    "DEFAULT_FILTER_BACKENDS": ["apps.core.api.filters.StrictFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "apps.core.api.schema.EnvelopeSchema",
    "EXCEPTION_HANDLER": "apps.core.api.errors.exception_handler",
    # Datetimes reach the renderer as they are; it writes UTC with Z (decision 8).
    "DATETIME_FORMAT": None,
    "URL_FORMAT_OVERRIDE": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
# Where the answers to requests with an Idempotency-Key are kept (core.idempotency.AnswerOnce).
IDEMPOTENCY_STORE = "apps.users.services.idempotency.answer_once"
# Requests per time of one address (IPv6: /64), of one user, and of one address at views with a throttle_scope.
RATE_LIMITS = {
    "address": env.rate_limit_address,
    "user": env.rate_limit_user,
    "login": env.rate_limit_login,
    "registration": env.rate_limit_registration,
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Bajiaozhi 八角志 API",
    "VERSION": "1",
    "OAS_VERSION": "3.0.3",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "COMPONENT_SPLIT_REQUEST": True,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "POSTPROCESSING_HOOKS": ["apps.core.api.schema.complete"],
}
