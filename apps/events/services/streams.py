"""The streams of the events app: what providers answered, and what changed on our cards."""

from apps.core.streams import Stream

# From the worker that asked to the consumer that writes down (decision 32).
ANSWERS = Stream("stream:live:update", maxlen=50_000)
# To the listeners of live cards.  Nobody acknowledges: old entries go by themselves.
CHANGES = Stream("stream:live:changes", maxlen=5_000)
