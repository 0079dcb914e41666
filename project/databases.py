"""From DATABASE_URL to Django's database settings, with what each server needs (decisions 1 and 36)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dj_database_url

if TYPE_CHECKING:
    from project.env import Env

# A host that does not answer: without this a process waits for the operating system to give up, minutes long.
CONNECT_SECONDS = 5


def database_config(env: Env) -> dict[str, Any]:
    """Settings of the one database.

    Only the web process uses psycopg's pool (``project/wsgi.py`` switches it on).  Worker, beat, consumer and
    commands keep one connection per thread: Celery closes a pool around every task, which costs a factor of seven
    (feasibility §3).
    """
    url = env.database_url.replace("mariadb://", "mysql://", 1)
    config: dict[str, Any] = dict(dj_database_url.parse(url))
    options: dict[str, Any] = config.setdefault("OPTIONS", {})
    if config["ENGINE"].endswith("postgresql"):
        _postgresql(config, options, env)
    elif config["ENGINE"].endswith("mysql"):
        _mysql(config, options, env)
    else:
        _sqlite(options, env)
    return config


def _postgresql(config: dict[str, Any], options: dict[str, Any], env: Env) -> None:
    limit = f"-c statement_timeout={round(env.db_time_limit_seconds * 1000)}"
    options.setdefault("connect_timeout", CONNECT_SECONDS)
    options["options"] = f"{options.get('options', '')} {limit}".strip()
    if env.database_pool:
        options["pool"] = {
            "min_size": min(env.db_pool_min_idle, env.db_pool_max_open),
            "max_size": env.db_pool_max_open,
            "max_lifetime": env.db_pool_max_lifetime_seconds,
            "timeout": 5,
        }
        config["CONN_MAX_AGE"] = 0
    else:
        config["CONN_MAX_AGE"] = None
        config["CONN_HEALTH_CHECKS"] = True


def _mysql(config: dict[str, Any], options: dict[str, Any], env: Env) -> None:
    _ensure_mysql_driver()
    options.setdefault("charset", "utf8mb4")
    options.setdefault("connect_timeout", CONNECT_SECONDS)
    # READ COMMITTED as on PostgreSQL: SKIP LOCKED queues and get_or_create behave alike on all servers.
    options.setdefault("isolation_level", "read committed")
    options.setdefault("init_command", _mysql_session(env.db_time_limit_seconds))
    config["CONN_MAX_AGE"] = 0
    config.setdefault("TEST", {})["CHARSET"] = "utf8mb4"
    config["TEST"]["COLLATION"] = "utf8mb4_bin"


def _mysql_session(limit_seconds: float) -> str:
    """One statement for both servers: each reads its own comment and passes over the other's.

    MySQL limits only SELECT by ``max_execution_time``; the wait for a row lock has a limit of its own on both.
    """
    mariadb = f"/*M!100100 , max_statement_time={limit_seconds:g} */"
    mysql = f"/*!50708 , max_execution_time={round(limit_seconds * 1000)} */"
    lock_wait = max(1, round(limit_seconds))
    base = f"SET sql_mode='STRICT_TRANS_TABLES', time_zone='+00:00', innodb_lock_wait_timeout={lock_wait}"
    return f"{base} {mariadb} {mysql}"


def _ensure_mysql_driver() -> None:
    """mysqlclient when it is installed, else PyMySQL under its name."""
    try:
        import MySQLdb  # noqa: F401
    except ImportError:
        import pymysql

        # Django checks the version of mysqlclient, whose interface PyMySQL offers.
        pymysql.version_info = (2, 2, 7, "final", 0)
        pymysql.install_as_MySQLdb()


def _sqlite(options: dict[str, Any], env: Env) -> None:
    # IMMEDIATE: a transaction that will write takes the lock at once instead of failing half-way.
    options.setdefault("transaction_mode", "IMMEDIATE")
    # How long a writer waits for the others: the limit of a statement holds for the wait too.
    options.setdefault("timeout", env.db_time_limit_seconds)
    # recursive_triggers: without it INSERT OR REPLACE slips past the append-only triggers of the audit log.
    options.setdefault(
        "init_command",
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA recursive_triggers=ON; PRAGMA foreign_keys=ON;",
    )
