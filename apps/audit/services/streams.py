"""Where events without a change wait for the consumer."""

from __future__ import annotations

from apps.core.streams import Stream

STREAM = Stream("stream:audit:events", maxlen=100_000)
