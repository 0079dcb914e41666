"""Writes down what the live provider said: acknowledged only after the commit (decision 32)."""

from __future__ import annotations

from apps.core.streams import Message, StreamConsumer, register_consumer
from apps.events.services import ANSWERS, Answer, apply_answers

GROUP = "worker"
# What comes together is applied together: a consumer that lags works the faster.
BATCH_SIZE = 200


def apply_messages(messages: list[Message]) -> None:
    """Raises Invalid for a message that is none of ours; the stream tries it alone and gives it up in the end."""
    apply_answers([Answer.from_message(message.body) for message in messages])


ANSWERED = register_consumer(
    StreamConsumer(stream=ANSWERS, group=GROUP, handler=apply_messages, batch_size=BATCH_SIZE, claim_idle_seconds=15.0)
)
