"""What a refusal means for the circuit: the carrier has answered, so it is there."""

from __future__ import annotations

import pytest

from apps.core import keys
from apps.core import redis as core_redis
from apps.orders.clients import carrier as carrier_client
from apps.orders.clients.circuit import Circuit
from apps.orders.errors import CarrierRefused, CarrierUnavailable
from tests.orders.carrier_server import CarrierServer, says
from tests.orders.sims import iccid

pytestmark = pytest.mark.django_db


def ask() -> None:
    with carrier_client.Carrier() as client:
        client.statuses([iccid(1)])


@pytest.mark.parametrize("status", [401, 404])
def test_a_refusal_in_the_trial_closes_the_circuit(
    carrier: CarrierServer, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    circuit = Circuit("test")
    monkeypatch.setattr(carrier_client, "CIRCUIT", circuit)
    for _ in range(5):
        circuit.failed()
    with pytest.raises(CarrierUnavailable):
        ask()
    # The pause is over.
    core_redis.client().hset(keys.circuit("test"), "until", 1)
    carrier.interventions = [says(status=status)]

    with pytest.raises(CarrierRefused):
        ask()

    assert circuit.wait_seconds() == 0
    ask()
    assert len(carrier.requests) == 2


def test_failures_in_a_row_are_not_counted_across_a_refusal(
    carrier: CarrierServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carrier_client, "TRIES", 1)
    trouble = [says(status=500)] * 4
    carrier.interventions = [*trouble, says(status=404), *trouble]

    for expected in [CarrierUnavailable] * 4 + [CarrierRefused] + [CarrierUnavailable] * 4:
        with pytest.raises(expected):
            ask()

    assert len(carrier.requests) == 9
    ask()
    assert not core_redis.client().exists(keys.circuit("carrier"))
