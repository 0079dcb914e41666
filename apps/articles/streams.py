"""Stores what the workers fetched: acknowledged only after the commit (decision 32)."""

from __future__ import annotations

from apps.articles.services import ITEMS, Arrival, store_items
from apps.core.streams import Message, StreamConsumer, register_consumer

GROUP = "worker"
BATCH_SIZE = 100


def store_messages(messages: list[Message]) -> None:
    """Raises Invalid for a message that is none of ours; the stream tries it alone and gives it up in the end."""
    store_items([Arrival.from_message(message.body) for message in messages])


INGESTED = register_consumer(
    StreamConsumer(stream=ITEMS, group=GROUP, handler=store_messages, batch_size=BATCH_SIZE, linger_seconds=0.02)
)
