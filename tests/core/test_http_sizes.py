"""The HTTP client against real sockets: how large an answer may be, packed and unpacked."""

import gzip
import os
import zlib

import pytest

from apps.core.errors import UpstreamFailed
from apps.core.http import FetchLimits, fetch
from tests.core.http_server import answer, code_of

SMALL = FetchLimits(max_bytes=10_000, max_decompressed_bytes=50_000)


def test_body_at_the_limit_is_read_and_one_byte_more_is_refused(server):
    server.answers["/fits"] = answer(b"x" * 10_000)
    server.answers["/over"] = answer(b"x" * 10_001)

    assert len(fetch(f"{server.origin}/fits", limits=SMALL, allow_private=server.allowed).body) == 10_000
    with pytest.raises(UpstreamFailed) as error:
        fetch(f"{server.origin}/over", limits=SMALL, allow_private=server.allowed)

    assert code_of(error) == "too_large"


def test_endless_body_without_length_is_cut_off(server):
    def pour(handler):
        handler.send_response(200)
        handler.end_headers()
        while True:
            handler.wfile.write(b"x" * 4096)

    server.answers["/"] = pour

    with pytest.raises(UpstreamFailed) as error:
        fetch(f"{server.origin}/", limits=SMALL, allow_private=server.allowed)

    assert code_of(error) == "too_large"


RAW_DEFLATE = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
PLAIN = bytes(range(256)) * 100


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(PLAIN)),
        ("X-GZIP", gzip.compress(PLAIN)),
        ("gzip", gzip.compress(PLAIN[:5000]) + gzip.compress(PLAIN[5000:])),
        ("gzip", gzip.compress(PLAIN) + b"\0\0\0"),
        ("deflate", zlib.compress(PLAIN)),
        ("deflate", RAW_DEFLATE.compress(PLAIN) + RAW_DEFLATE.flush()),
        ("identity", PLAIN[:9000]),
    ],
)
def test_packed_bodies_are_unpacked(server, encoding, packed):
    server.answers["/"] = answer(packed, Content_Encoding=encoding)

    body = fetch(f"{server.origin}/", limits=SMALL, allow_private=server.allowed).body

    assert body == (PLAIN[:9000] if encoding == "identity" else PLAIN)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_packed_bomb_is_stopped_at_the_limit(server, encoding):
    zeros = b"\0" * 5_000_000
    bomb = gzip.compress(zeros) if encoding == "gzip" else zlib.compress(zeros)
    assert len(bomb) < SMALL.max_bytes
    server.answers["/"] = answer(bomb, Content_Encoding=encoding)

    with pytest.raises(UpstreamFailed) as error:
        fetch(f"{server.origin}/", limits=SMALL, allow_private=server.allowed)

    assert code_of(error) == "too_large"


def test_bomb_of_many_small_members_is_stopped(server):
    server.answers["/"] = answer(gzip.compress(b"\0" * 30_000) * 3, Content_Encoding="gzip")

    with pytest.raises(UpstreamFailed) as error:
        fetch(f"{server.origin}/", limits=SMALL, allow_private=server.allowed)

    assert code_of(error) == "too_large"


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, br", "br,gzip"])
def test_packings_that_were_not_asked_for_are_refused(server, encoding):
    server.answers["/"] = answer(gzip.compress(b"x"), Content_Encoding=encoding)

    with pytest.raises(UpstreamFailed) as error:
        fetch(f"{server.origin}/", allow_private=server.allowed)

    assert code_of(error) == "encoding_not_supported"


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip,identity", gzip.compress(PLAIN)),
        ("UTF-8", PLAIN),
        ("none, utf-8", PLAIN),
        ("gzip, gzip", gzip.compress(gzip.compress(PLAIN))),
        ("gzip, gzip", gzip.compress(PLAIN)),
        ("deflate, gzip", gzip.compress(zlib.compress(PLAIN))),
        ("gzip", gzip.compress(PLAIN)[:-8]),
        ("gzip", gzip.compress(PLAIN)[:-3]),
        ("", gzip.compress(PLAIN)),
    ],
)
def test_careless_headers_and_a_torn_trailer_cost_nothing(server, encoding, packed):
    server.answers["/"] = answer(packed, Content_Encoding=encoding)

    assert fetch(f"{server.origin}/", allow_private=server.allowed).body == PLAIN


def test_a_bomb_in_a_bomb_is_stopped_at_the_limit(server):
    server.answers["/"] = answer(gzip.compress(gzip.compress(b"\0" * 3_000_000)), Content_Encoding="gzip, gzip, gzip")

    with pytest.raises(UpstreamFailed) as error:
        fetch(f"{server.origin}/", limits=FetchLimits(max_decompressed_bytes=4000), allow_private=server.allowed)

    assert code_of(error) == "too_large"


@pytest.mark.parametrize(
    "body",
    [
        b"not packed at all",
        gzip.compress(os.urandom(3000))[:2000],
        gzip.compress(PLAIN)[:-12],
        # So short that its codes are the fixed ones, among which zeros mean the end.
        gzip.compress(b"<rss>short</rss>")[:-12],
        gzip.compress(PLAIN)[:1],
    ],
    # Packed bytes tell the time at which they were packed: no two processes would name the tests alike.
    ids=["plain", "torn", "long", "short", "one byte"],
)
def test_damaged_packing_is_refused(server, body):
    server.answers["/"] = answer(body, Content_Encoding="gzip")

    with pytest.raises(UpstreamFailed) as error:
        fetch(f"{server.origin}/", allow_private=server.allowed)

    assert code_of(error) == "body_damaged"
