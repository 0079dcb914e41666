"""The committed contract, held against the running product by two strangers who know nothing else of it.

One makes up requests from ``docs/contracts/api.yaml`` (schemathesis): nothing may answer 5xx, with an undocumented
status or with a body that is not as documented.  The other is a client generated from the same file.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.db import connections

from tests.factories.articles import ArticleFactory, PendingArticleFactory, TakedownFactory
from tests.factories.events import BoutFactory, EventFactory
from tests.factories.fighters import FighterFactory
from tests.factories.orders import OrderFactory
from tests.factories.scheduler import ScheduledTaskFactory, TaskExecutionFactory
from tests.factories.taskhub import TaskFactory
from tests.factories.users import PASSWORD, UserFactory
from tests.flows.processes import Product

ROOT = Path(__file__).resolve().parents[2]
CONTRACT = ROOT / "docs" / "contracts" / "api.yaml"
BIN = Path(sys.executable).parent
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
EXAMPLES = 5
# Signing out and changing one's password would end the run as this person.
EVENT_PATHS = ("/api/events/{event_id}", "/api/v1/events/{event_id}")
NOT_AS_ADMINISTRATOR = ("/api/v1/auth/logout", "/api/v1/auth/password")

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420), pytest.mark.django_db(transaction=True)]


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    limits = {f"RATE_LIMIT_{name}": "off" for name in ("ADDRESS", "USER", "LOGIN", "REGISTRATION")}
    connections.close_all()
    with Product(tmp_path, **limits) as started:
        started.start_web()
        yield started


def token_of(product: Product, username: str) -> str:
    answer = httpx.post(
        f"{product.address.url}/api/v1/auth/token", json={"username": username, "password": PASSWORD}, timeout=30
    )
    token: str = answer.json()["data"]["access_token"]
    return token


def made_up_requests(product: Product, folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [
        str(BIN / "schemathesis"), "--config-file", str(folder / "given.toml"), "run", str(CONTRACT),
        "--url", product.address.url, "--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing",
        "--max-examples", str(EXAMPLES), "--generation-deterministic", "--no-shrink", "--request-timeout", "20",
        "--continue-on-failure", "--no-color", *more,
    ]  # fmt: skip
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)


def give_things(folder: Path, by_path: dict[str, dict[str, object]], **ids: object) -> None:
    """What stands in paths from now on: an administrator finds something there.  Methods that no path has are
    tried by the anonymous run."""
    lines = ["[parameters]", *(f'"path.{name}" = {value!r}' for name, value in ids.items())]
    if ids:
        lines += ["[phases.coverage]", "unexpected-methods = []"]
    for path, values in by_path.items():
        lines += ["[[operations]]", f'include-path = "{path}"', "[operations.parameters]"]
        lines += [f'"path.{name}" = {value!r}' for name, value in values.items()]
    (folder / "given.toml").write_text("\n".join([*lines, ""]))


def give_everything(folder: Path) -> None:
    event = {"event_id": EventFactory().pk}
    give_things(
        folder,
        dict.fromkeys(EVENT_PATHS, event),
        user_id=UserFactory().pk,
        order_pk=OrderFactory().pk,
        article_id=ArticleFactory().pk,
        pending_id=PendingArticleFactory().pk,
        takedown_id=TakedownFactory().pk,
        fighter_id=FighterFactory().pk,
        bout_id=BoutFactory().pk,
        task_id=TaskFactory().task_id,
        uid=ScheduledTaskFactory().uid,
        execution_id=TaskExecutionFactory().pk,
    )


@pytest.mark.parametrize("who", ["anonymous", "administrator"])
def test_made_up_requests_find_nothing(product: Product, tmp_path: Path, who: str, tell: Callable[[str], None]) -> None:
    token, as_whom = "", list[str]()
    if who == "administrator":
        UserFactory(username="boss", role="administrator")
        give_everything(tmp_path)
        token = token_of(product, "boss")
        as_whom = ["--header", f"Authorization: Bearer {token}"]
        for path in NOT_AS_ADMINISTRATOR:
            as_whom += ["--exclude-path", path]
    else:
        give_things(tmp_path, {})

    run = made_up_requests(product, tmp_path, *as_whom)

    tell(f"made-up requests as {who}: {_summary(run.stdout)}")
    assert run.returncode == 0, run.stdout[-12_000:] + run.stderr[-2_000:]
    if token:
        # Still the administrator: what was answered was not one 401 after the other.
        me = httpx.get(
            f"{product.address.url}/api/v1/users/me", headers={"Authorization": f"Bearer {token}"}, timeout=30
        )
        assert me.status_code == 200


def _summary(report: str) -> str:
    return "; ".join(
        line.strip(" =") for line in report.splitlines() if " generated, " in line or " warnings in " in line
    )


def test_generated_client_registers_signs_in_and_reads_itself(
    product: Product, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = [str(BIN / "openapi-python-client"), "generate", "--path", str(CONTRACT), "--output-path", "client"]
    # It formats what it wrote with the ruff beside it.
    found = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    made = subprocess.run(
        [*generator, "--meta", "none"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=found,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    assert "Warning" not in made.stdout + made.stderr, made.stdout + made.stderr
    monkeypatch.syspath_prepend(str(tmp_path))

    def part(name: str) -> Any:
        return importlib.import_module(f"client.{name}")

    anonymous = part("client").Client(base_url=product.address.url, raise_on_unexpected_status=True)
    models = part("models")
    given = models.RegisterRequest(username="lin.mei", email="lin@example.com", password=PASSWORD)
    registered = part("api.users.users_register").sync(client=anonymous, body=given, idempotency_key="0f8fad5b")
    assert registered.data.username == "lin.mei"
    tokens = part("api.auth.auth_token").sync(
        client=anonymous, body=models.SignInRequest(username="lin.mei", password=PASSWORD)
    )
    own = part("client").AuthenticatedClient(base_url=product.address.url, token=tokens.data.access_token)
    me = part("api.users.users_me").sync(client=own)

    assert (me.data.id, me.data.email) == (registered.data.id, "lin@example.com")
    refused = part("api.users.users_list").sync(client=own)
    assert (refused.code, refused.messages.en) == (1005, "You are not allowed to do this.")
