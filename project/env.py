"""Every value that the environment may set, typed and documented: the list of knobs.

``settings.py`` reads only this module.  A missing or wrong value ends the process at once with one Chinese and
one English sentence that names all of them (decision 30, C-11); values are never printed.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import Literal
from urllib.parse import parse_qs, urlsplit
from zoneinfo import available_timezones

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

DATABASE_SCHEMES = frozenset({"postgres", "postgresql", "mysql", "mariadb", "sqlite"})
RATE = r"^(off|[1-9]\d{0,6}/(s|sec|second|m|min|minute|h|hour|day))$"
REDIS_SCHEMES = frozenset({"redis", "rediss", "unix"})


class Env(BaseSettings):
    """The environment of one process.  Frozen: nothing changes it after the start."""

    model_config = SettingsConfigDict(frozen=True, hide_input_in_errors=True, extra="ignore", env_ignore_empty=True)

    # --- required -----------------------------------------------------------------------------------------------
    secret_key: str = Field(min_length=16, description="Signs sessions and tokens")
    database_url: str = Field(description="postgres://, mysql:// or sqlite:/// address of the database")
    redis_url: str = Field(description="redis://host:port/db or unix:///path?db=n")

    # --- behaviour ----------------------------------------------------------------------------------------------
    debug: bool = Field(False, description="Django's debug pages; never in production")
    demo_content: bool = Field(False, description="Allow the demo user and demo feed (set by `make run` only)")
    demo_password_file: str = Field("", description="File that holds the password of the demo user")
    secure_cookies: bool = Field(True, description="Cookies and redirects demand HTTPS")
    allowed_hosts: str = Field("", description="Host names the site answers to, separated by commas")
    csrf_trusted_origins: str = Field("", description="Origins allowed to post, separated by commas")
    trusted_proxies: str = Field("", description="CIDRs of the proxies in front of us, separated by commas")
    client_ip_header: Literal["none", "x-forwarded-for", "forwarded", "x-real-ip", "true-client-ip"] = Field(
        "x-forwarded-for", description="Header a trusted proxy writes the client address to"
    )
    time_zone: str = Field("Asia/Shanghai", description="Zone of the admin and of new schedules")
    public_url: str = Field("", description="Address under which people reach the site")
    lock_backend: Literal["database", "redis"] = Field(
        "database", description="Where the lock lives that spares a second beat its work"
    )

    # --- outgoing HTTP ------------------------------------------------------------------------------------------
    http_allowed_private: str = Field(
        "", description="host:port pairs in private networks that feeds may come from, separated by commas"
    )
    fetch_host_gap_seconds: float = Field(
        5.0, ge=0, le=3600, description="Pause between two polls of the same server, whatever sources it carries"
    )
    http_user_agent: str = Field(
        "", description="How we introduce ourselves to other servers; default names PUBLIC_URL"
    )

    # --- e-mail: without a server messages are held back, not lost ----------------------------------------------
    smtp_host: str = Field("", description="Mail server; empty: messages are kept until a person sends them")
    smtp_port: int = Field(587, ge=1, le=65_535, description="Port of the mail server")
    smtp_user: str = Field("", description="Name to sign in at the mail server with; empty: no sign-in")
    smtp_password: str = Field("", description="Password of that name")
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="STARTTLS (587), TLS from the first byte (465), or nothing (a relay on this host)"
    )
    smtp_timeout_seconds: int = Field(20, ge=1, le=120, description="Wait for connection and for each answer")
    smtp_reply_timeout_seconds: int = Field(
        120, ge=1, le=200, description="Wait for the answer after the content of a message"
    )
    email_from: str = Field("Bajiaozhi <no-reply@bajiaozhi.invalid>", description="Sender of our messages")

    # --- carrier: SIM states, real-name checks, usage (decision 28) ---------------------------------------------
    carrier_base_url: str = Field(
        "", pattern=r"^(https?://.+)?$", description="Carrier's HTTP interface; may be private"
    )
    carrier_api_key: str = Field("", description="Our key there")
    carrier_timeout_seconds: int = Field(30, ge=1, le=300, description="Wait for each answer of the carrier")
    sim_status_fresh_minutes: int = Field(
        10, ge=0, le=10_080, description="A SIM state younger than this is asked again only when forced"
    )

    # --- live results -------------------------------------------------------------------------------------------
    live_scoreboard_url: str = Field(
        "", description="Scoreboard of the live provider; {event_id} and {date} are filled in; empty: nobody is asked"
    )
    live_provider_zone: str = Field(
        "America/New_York", description="Zone of the live provider's days: where its {date} begins and ends"
    )
    live_poll_seconds: int = Field(30, ge=1, le=3600, description="Seconds between two polls of a live event")
    live_slow_poll_seconds: int = Field(60, ge=1, le=3600, description="The same after repeated failures")
    live_url: str = Field("", description="Address of the live process as browsers reach it; empty: the site's own")
    live_port: int = Field(
        0, ge=0, le=65535, description="Without LIVE_URL: port of the live process on the host that was asked; 0: none"
    )
    live_listeners: int = Field(2000, ge=1, le=100_000, description="Event streams one live process keeps open")
    live_listeners_per_address: int = Field(50, ge=1, le=100_000, description="Event streams of one address")

    # --- pools and limits (decision 36) -------------------------------------------------------------------------
    database_pool: bool = Field(False, description="Use the connection pool; project/wsgi.py switches it on")
    db_pool_max_open: int = Field(25, ge=1, le=1000, description="Open database connections per web process")
    db_pool_min_idle: int = Field(10, ge=0, le=1000, description="Database connections kept ready")
    db_pool_max_lifetime_seconds: int = Field(300, ge=1, description="Age at which a connection is replaced")
    db_time_limit_seconds: float = Field(3, gt=0, le=600, description="Longest a database statement may take")
    slow_query_ms: int = Field(100, ge=1, le=60_000, description="Statements that take longer are logged")
    redis_pool_size: int = Field(10, ge=1, le=1000, description="Redis connections per process")
    redis_pool_min_idle: int = Field(5, ge=0, le=1000, description="Redis connections opened ahead")
    worker_concurrency: int = Field(10, ge=1, le=1000, description="Tasks one worker runs at the same time")
    task_max_retries: int = Field(5, ge=0, le=100, description="Retries of a queue task")
    task_time_limit_seconds: int = Field(
        600, ge=1, le=6_570, description="Soft time limit of a queue task whose type states none"
    )
    web_threads: int = Field(8, ge=1, le=256, description="Request threads per web process")

    # --- rate limits: a number per s, min, hour or day, or "off" ------------------------------------------------
    rate_limit_address: str = Field("1200/min", pattern=RATE, description="API requests of one address (IPv6: /64)")
    rate_limit_user: str = Field("600/min", pattern=RATE, description="API requests of one user")
    rate_limit_login: str = Field("10/min", pattern=RATE, description="Sign-in attempts of one address")
    rate_limit_registration: str = Field("10/hour", pattern=RATE, description="New accounts from one address")

    # --- places -------------------------------------------------------------------------------------------------
    log_dir: str = Field("logs", description="Folder of access.log and app.log")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least level written")
    celery_broker_url: str = Field("", description="Broker other than REDIS_URL, for example amqp://")

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        if urlsplit(value).scheme not in DATABASE_SCHEMES:
            raise ValueError("must start with postgres://, mysql:// or sqlite:///")
        return value

    @field_validator("live_provider_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError("must be a zone such as America/New_York")
        return value

    @field_validator("redis_url")
    @classmethod
    def _known_redis(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in REDIS_SCHEMES:
            raise ValueError("must start with redis://, rediss:// or unix://")
        number = parse_qs(parts.query).get("db", [""])[0] if parts.scheme == "unix" else parts.path.lstrip("/")
        if number and not number.isdigit():
            raise ValueError("the Redis database must be a number")
        return value


class BadEnvironment(SystemExit):
    """The process can't start: the environment lacks a value or holds a wrong one."""


@lru_cache(maxsize=1)
def load_env() -> Env:
    """Read the environment once.  Raises BadEnvironment (exit code 2) with both sentences on standard error."""
    try:
        return Env()  # type: ignore[call-arg]
    except ValidationError as error:
        sys.stderr.write(explain(error) + "\n")
        raise BadEnvironment(2) from None


def explain(error: ValidationError) -> str:
    """One Chinese and one English sentence naming every missing and wrong variable; no values."""
    missing = [_name(item["loc"]) for item in error.errors() if item["type"] == "missing"]
    wrong = [f"{_name(item['loc'])} ({item['msg']})" for item in error.errors() if item["type"] != "missing"]
    chinese = "；".join(filter(None, [_join("缺少环境变量 ", missing), _join("环境变量的值有误：", wrong)]))
    english = "; ".join(filter(None, [_join("missing settings: ", missing), _join("wrong settings: ", wrong)]))
    return (
        f"无法启动：{chinese}。在本机试用请运行 make run。\n"
        f"Cannot start: {english}. To try it on this machine, use: make run."
    )


def _name(location: tuple[int | str, ...]) -> str:
    return str(location[0]).upper() if location else "?"


def _join(lead: str, names: list[str]) -> str:
    return lead + ", ".join(names) if names else ""
