"""Secrets never reach a log: by name, by form, in whole, broken and cut bodies."""

from __future__ import annotations

import json
import time

import pytest

from apps.core.redaction import HIDDEN, is_secret_name, redact, redact_text, redact_values

SECRET = "hunter2-Zq9"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    "name",
    [
        "password", "Password", "new_password1", "passwd", "userPassword", "PASSWORD_CONFIRM", "secret",
        "client_secret", "access_token", "refreshToken", "X-Api-Key", "apikey", "API_KEY", "Authorization",
        "Proxy-Authorization", "cookie", "Set-Cookie", "sessionid", "session_key", "session",
        "csrfmiddlewaretoken", "otp", "user_otp", "private_key", "card_number", "creditCard", "cvv",
        "id_number", "credentials", "pwd", "db.pwd", "user[pin]",
    ],
)  # fmt: skip
def test_secret_names_are_known_in_every_spelling(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    ["author", "opinion", "fight_card", "card_position", "sim_cards", "keyword", "idempotency_key", "compass",
     "pinned_at", "token_type", "status", "scorecard", "monkey", "passing_score", "session_count", "iccid", ""],
)  # fmt: skip
def test_harmless_names_stay(name: str) -> None:
    assert not is_secret_name(name)


def test_values_keep_their_form_and_lose_their_secrets() -> None:
    given = {
        "user": "lin",
        "password": SECRET,
        "nested": [{"api_key": {"a": [SECRET]}}, ("x", {"Authorization": "Bearer " + SECRET})],
        "note": f"my token is Bearer {SECRET}",
        "count": 3,
        "raw": json.dumps({"password": SECRET, "ok": 1}),
    }

    assert redact(given) == {
        "user": "lin",
        "password": HIDDEN,
        "nested": [{"api_key": HIDDEN}, ["x", {"Authorization": HIDDEN}]],
        "note": f"my token is Bearer {HIDDEN}",
        "count": 3,
        "raw": f'{{"password": "{HIDDEN}", "ok": 1}}',
    }
    assert given["password"] == SECRET


def test_bottomless_values_end() -> None:
    value: dict[str, object] = {"leaf": SECRET}
    for _ in range(100):
        value = {"inner": value}

    assert SECRET not in str(redact(value))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f'{{"password": "{SECRET}", "b": 1}}', f'{{"password": "{HIDDEN}", "b": 1}}'),
        ('{"password":"a\\"b\\\\","b":1}', f'{{"password":"{HIDDEN}","b":1}}'),
        ('{"pin": 1234, "b": 1}', f'{{"pin": "{HIDDEN}", "b": 1}}'),
        (f'{{"tokens": ["{SECRET}", "}}]"], "b": 1}}', f'{{"tokens": "{HIDDEN}", "b": 1}}'),
        (f'{{"credentials": {{"x": {{"y": "{SECRET}"}}}}, "b": 1}}', f'{{"credentials": "{HIDDEN}", "b": 1}}'),
        (f'{{"pass\\u0077ord": "{SECRET}"}}', f'{{"pass\\u0077ord": "{HIDDEN}"}}'),
        (f'{{"payload": "{{\\"password\\": \\"{SECRET}\\", \\"b\\": 1}}"}}',
         f'{{"payload": "{{\\"password\\": \\"{HIDDEN}\\", \\"b\\": 1}}"}}'),
        (f"{{'password': '{SECRET}'}}", f"{{'password': '{HIDDEN}'}}"),
        (f'{{"password": {SECRET}, "b": 1', f'{{"password": "{HIDDEN}", "b": 1'),
        (f'{{"a": 1, "password": "{SECRET}', f'{{"a": 1, "password": "{HIDDEN}'),
        (f'{{"secrets": {{"a": ["{SECRET}", "x', f'{{"secrets": "{HIDDEN}"'),
        (f"a=1&password={SECRET}&b=2", f"a=1&password={HIDDEN}&b=2"),
        (f"a=1&p%61ssword={SECRET}&b=2", f"a=1&p%61ssword={HIDDEN}&b=2"),
        (f"user[password]={SECRET}&b=2", f"user[password]={HIDDEN}&b=2"),
        (f"Authorization: Digest u=x, response={SECRET}\nHost: x", f"Authorization: {HIDDEN}\nHost: x"),
        (f"<a><password>{SECRET}</password></a>", f"<a><password>{HIDDEN}</password></a>"),
        (f'<password kind="x">{SECRET}</password>', f'<password kind="x">{HIDDEN}</password>'),
        (f'<input name="password" value="{SECRET}">', f'<input name="password" value="{HIDDEN}">'),
        (f'<form>\n<input name="csrfmiddlewaretoken" value="{SECRET}">\n\n<p>x',
         f'<form>\n<input name="csrfmiddlewaretoken" value="{HIDDEN}">\n\n<p>x'),
        (f'<i value="{SECRET}" name="csrfmiddlewaretoken">', f'<i value="{HIDDEN}" name="csrfmiddlewaretoken">'),
        (f'Content-Disposition: form-data; name="password"\r\n\r\n{SECRET}\r\n--x',
         f'Content-Disposition: form-data; name="password"\r\n\r\n{HIDDEN}\r\n--x'),
        ('{"author": "Zhang", "fight_card": "main", "opinion": "pass"}',
         '{"author": "Zhang", "fight_card": "main", "opinion": "pass"}'),
        ("no secrets here", "no secrets here"),
        ("", ""),
    ],
)  # fmt: skip
def test_named_secrets_leave_every_kind_of_text(text: str, expected: str) -> None:
    assert redact_text(text) == expected


@pytest.mark.parametrize("length", range(1, 120))
def test_a_body_cut_anywhere_shows_nothing(length: int) -> None:
    whole = json.dumps({"a": "x" * 20, "password": SECRET, "list": [{"api_key": [SECRET, {"t": SECRET}]}], "z": 1})

    assert SECRET[:6] not in redact_text(whole[:length])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"got {JWT} there", f"got {HIDDEN} there"),
        (JWT[:30], HIDDEN),
        (f"Bearer {SECRET}", f"Bearer {HIDDEN}"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- x", f"{HIDDEN} x"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE", HIDDEN),
        ("card 4111 1111 1111 1111.", f"card {HIDDEN}."),
        ("card 4111-1111-1111-1111 ok", f"card {HIDDEN} ok"),
        ("card 4111 1111 1111 1112.", "card 4111 1111 1111 1112."),
        ("at 1763888477123 and 1763888477123456", "at 1763888477123 and 1763888477123456"),
        ("sim 8986001212345678903", "sim 8986001212345678903"),
        ("AKIAIOSFODNN7EXAMPLE", HIDDEN),
        ("postgres://app:s3cret@db:5432/x", f"postgres://{HIDDEN}@db:5432/x"),
        ("http://host:8080/a", "http://host:8080/a"),
        (f"https://x/?a=1&token={SECRET}#f", f"https://x/?a=1&token={HIDDEN}#f"),
        ("2025-01-31T08:00:00.123456Z", "2025-01-31T08:00:00.123456Z"),
        ("UFC 300 in Saitama, fight card", "UFC 300 in Saitama, fight card"),
    ],
)
def test_secrets_are_known_by_their_form(text: str, expected: str) -> None:
    assert redact_values(text) == expected


@pytest.mark.parametrize(
    "text",
    ["a" * 200_000, "pass" * 50_000, '"key":' * 30_000, "\\" * 200_000, "<" * 100_000 + "password",
     '{"password":' * 10_000, "%61" * 60_000, "=&?" * 60_000, '\\"' * 100_000, "password" * 20_000,
     '{"token":[' * 10_000, "key " * 40_000],
)  # fmt: skip
def test_hostile_texts_cost_little(text: str) -> None:
    start = time.process_time()

    redact_text(text[:65_536])

    assert time.process_time() - start < 1.0
