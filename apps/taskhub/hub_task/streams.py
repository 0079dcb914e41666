"""The stream on which publishers and workers say what happened; ``apps.taskhub.streams`` writes it down."""

from __future__ import annotations

from apps.core.streams import Stream

EVENTS_STREAM = "stream:taskhub:events"
EVENTS_GROUP = "recorder"
# About 300 bytes an entry: a consumer may be away for a million events and then catch up.
EVENTS = Stream(EVENTS_STREAM, maxlen=1_000_000)
