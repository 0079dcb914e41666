"""What the consumer process does for the audit log."""

from __future__ import annotations

from apps.audit.services import relay
from apps.audit.services.observing import store_observed
from apps.audit.services.streams import STREAM
from apps.core.streams import Loop, StreamConsumer, register_consumer, register_loop


def _relay() -> bool:
    return relay.relay_batch() >= relay.BATCH_SIZE


RELAY = register_loop(Loop(name="audit.relay", every_seconds=0.5, run=_relay))
OBSERVED = register_consumer(
    StreamConsumer(stream=STREAM, group="worker", handler=store_observed, batch_size=100, linger_seconds=1.0)
)
