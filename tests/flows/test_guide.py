"""Every command of the Chinese guide, in order, against the running product with a mail server and a carrier."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from django.db import connections

from apps.orders.models import Order, SimUsage
from apps.taskhub.models import Task
from apps.users.models import Email, User
from tests.factories.users import PASSWORD, UserFactory
from tests.faults.processes import ROOT, wait_until
from tests.flows.processes import Product
from tests.orders.carrier_server import carrier_serving
from tests.users.mail_server import post_office

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.e2e, pytest.mark.timeout(400)]

GUIDE = ROOT / "docs" / "002-gorm-postgres-asynq" / "使用指南.md"
ICCID = "89860000000000000019"


def blocks() -> list[str]:
    """The shell blocks of the guide."""
    return re.findall(r"^```sh\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def script(base: str, name: str, password: str) -> str:
    """The blocks with the reader's own values filled in; every curl's answer on a line of its own."""
    text = "\n".join(blocks())
    for variable, value in (("BASE", base), ("ADMIN_NAME", name), ("ADMIN_PASSWORD", password)):
        text, count = re.subn(rf"^{variable}=.*$", f"{variable}={value}", text, flags=re.MULTILINE)
        assert count == 1, variable
    return f"set -euo pipefail\ncurl() {{ command curl --max-time 20 -w '\\n' \"$@\"; }}\n{text}"


def test_every_command_of_the_guide_works(tmp_path: Path) -> None:
    admin = UserFactory(superuser=True)
    with carrier_serving() as carrier, post_office() as office:
        carrier.items["status"] = [{"iccid": ICCID, "status": "active"}]
        carrier.items["usage"] = [{"iccid": ICCID, "day": "2026-11-03", "used_bytes": 1_000}]
        with Product(tmp_path, **carrier.environment, **office.environment) as product:
            product.start()
            done = subprocess.run(
                ["bash", "-c", script(product.address.url, admin.username, PASSWORD)],
                cwd=tmp_path,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
            wait_until(
                lambda: not Task.objects.filter(source="").exclude(status__in=["success", "dead"]).exists(),
                seconds=60,
                what="everything that the guide queued has ended",
            )

        answers = [line for line in done.stdout.splitlines() if line.startswith("{")]
        shown = sum(len(re.findall(r"^curl ", block, re.MULTILINE)) for block in blocks())
        assert len(answers) == shown
        assert all('"code":0' in answer or '"status"' in answer for answer in answers), done.stdout
        # What the reader was promised has happened.
        assert User.objects.filter(username="wang.fang").exists()
        assert Order.objects.get().status == "paid"
        assert sorted(office.mailbox.subjects) == sorted(["称重通知", "名单", "欢迎使用八角志"])
        assert set(Email.objects.values_list("state", flat=True)) == {"sent"}
        assert SimUsage.objects.get().used_bytes == 1_000
        queued = Task.objects.filter(name__in=["email.send", "data.sync", "sim.status_sync"])
        assert set(queued.values_list("status", flat=True)) == {"success"}
    connections.close_all()
