"""Order numbers that sort by time and can't be guessed."""

from __future__ import annotations

import secrets
import time

# Crockford's base 32: no I, L, O, U to be mistaken over the telephone.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CHANCE_BITS = 80
_LENGTH = 26


def new_order_number() -> str:
    """A ULID: milliseconds since 1970 in front, then 80 random bits.  Later numbers sort after earlier ones, to the
    millisecond; nothing about the number of orders can be read from one."""
    value = time.time_ns() // 1_000_000 << _CHANCE_BITS | secrets.randbits(_CHANCE_BITS)
    return "".join(_ALPHABET[value >> shift & 31] for shift in range(5 * (_LENGTH - 1), -1, -5))
