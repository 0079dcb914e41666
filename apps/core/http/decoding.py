"""Unpacking a body bit by bit, so that a small answer can't become a huge one in memory."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

from django.utils.translation import gettext_lazy as _

from apps.core.http.connecting import upstream_failed

# What we ask for.  Brotli and zstd are not asked for: their Python decoders don't limit what comes out.
ACCEPT_ENCODING = "gzip, deflate"

_GZIP_MAGIC = b"\x1f\x8b"
# With the one method there is.  No text, JSON or XML begins so.
_GZIP_BEGIN = b"\x1f\x8b\x08"
_GZIP_TRAILER_BYTES = 8
_GZIP = frozenset({"gzip", "x-gzip"})
_UNREADABLE = frozenset({"br", "zstd", "compress", "x-compress", "dcb", "dcz"})
_MAX_LAYERS = 3


def read_body(chunks: Iterable[bytes], *, encoding: str, max_bytes: int, max_decompressed_bytes: int) -> bytes:
    """The decoded body.  Raises UpstreamFailed when it is too large, packed otherwise than we can read, or torn.

    Headers are written by people: several packings are undone one after the other, words that name none ("utf-8",
    "identity") are passed over, and a gzip file that came without the header is unpacked too.
    """
    codings = [word.strip().lower() for word in encoding.split(",")]
    if not _UNREADABLE.isdisjoint(codings):
        raise upstream_failed("encoding_not_supported", _("The server packed its answer in a way we can't read."))
    layers = [coding for coding in codings if coding in _GZIP or coding == "deflate"]
    body = b"".join(_limited(_limited(chunks, max_bytes), max_bytes if layers else max_decompressed_bytes))
    for number, coding in enumerate(reversed(layers[:_MAX_LAYERS])):
        if coding == "deflate":
            body = _inflate_deflate(body, max_decompressed_bytes)
        elif number == 0 or body.startswith(_GZIP_BEGIN):
            # Said twice and done once: a proxy added its own word.
            body = _inflate(body, zlib.MAX_WBITS | 16, max_decompressed_bytes)
    return _inflate(body, zlib.MAX_WBITS | 16, max_decompressed_bytes) if body.startswith(_GZIP_BEGIN) else body


def _limited(chunks: Iterable[bytes], limit: int) -> Iterable[bytes]:
    seen = 0
    for chunk in chunks:
        seen += len(chunk)
        if seen > limit:
            raise _too_large()
        yield chunk


def _inflate_deflate(packed: bytes, limit: int) -> bytes:
    """Deflate should come with a zlib header; some servers send it without."""
    has_header = len(packed) >= 2 and packed[0] & 0x0F == 8 and (packed[0] << 8 | packed[1]) % 31 == 0
    return _inflate(packed, zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS, limit)


def _inflate(packed: bytes, window_bits: int, limit: int) -> bytes:
    """Unpack to at most ``limit`` bytes.  A gzip body may have several members, one after the other."""
    unpacked = bytearray()
    decoder = zlib.decompressobj(window_bits)
    waiting = packed
    try:
        while waiting:
            if decoder.eof:
                if not waiting.startswith(_GZIP_MAGIC):
                    break  # padding after the last member
                decoder = zlib.decompressobj(window_bits)
            unpacked += decoder.decompress(waiting, limit - len(unpacked) + 1)
            if len(unpacked) > limit:
                raise _too_large()
            waiting = decoder.unused_data if decoder.eof else decoder.unconsumed_tail
    except zlib.error as error:
        raise upstream_failed("body_damaged", _("The server's answer is damaged.")) from error
    if packed and not decoder.eof and not _lacks_only_its_trailer(decoder):
        raise upstream_failed("body_damaged", _("The server's answer is damaged."))
    return bytes(unpacked)


def _lacks_only_its_trailer(decoder: zlib._Decompress) -> bool:
    """Everything came but the check sum: whatever is put in its place, the decoder finds that wrong.

    In the middle of the data, bits of one kind may happen to end it, never those of both kinds.
    """
    return all(_finds_wrong(decoder.copy(), filler) for filler in (b"\x00", b"\xff"))


def _finds_wrong(decoder: zlib._Decompress, filler: bytes) -> bool:
    try:
        for _ in range(_GZIP_TRAILER_BYTES):
            if decoder.decompress(filler, 1):
                return False
    except zlib.error as error:
        return "incorrect data check" in str(error) or "incorrect length check" in str(error)
    return False


def _too_large() -> Exception:
    return upstream_failed("too_large", _("The server's answer is too large."))
