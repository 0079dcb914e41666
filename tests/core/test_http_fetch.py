"""The HTTP client against real sockets: what it follows, what it refuses, where it stops."""

import socket
import threading
import time

import pytest
from django.db import transaction

from apps.core.errors import Invalid, UpstreamFailed
from apps.core.http import FetchLimits, InsideTransaction, connecting, fetch
from tests.core.http_server import answer, code_of, serving


def resolving_to(monkeypatch, *answers):
    """Names resolve to these addresses, one answer per look-up, the last for ever.  Returns the names asked for."""
    asked = []
    real = socket.getaddrinfo

    def look_up(host, port, *arguments, **options):
        if host.replace(".", "").isdigit():
            return real(host, port, *arguments, **options)
        asked.append(host)
        addresses = answers[min(len(asked), len(answers)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(connecting.socket, "getaddrinfo", look_up)
    return asked


def test_answer_is_returned_with_lower_case_headers(server, settings):
    server.answers["/feed"] = answer(b"<rss/>", ETag='"v1"', Content_Type="text/xml")

    fetched = fetch(f"{server.origin}/feed#top", headers={"If-None-Match": '"v0"'}, allow_private=server.allowed)

    assert (fetched.status, fetched.body, fetched.url) == (200, b"<rss/>", f"{server.origin}/feed")
    assert fetched.headers["etag"] == '"v1"'
    assert fetched.redirects == []
    path, headers = server.requests[0]
    assert path == "/feed"
    assert headers["if-none-match"] == '"v0"'
    assert headers["user-agent"] == settings.HTTP_USER_AGENT
    assert headers["accept-encoding"] == "gzip, deflate"


@pytest.mark.parametrize("status", [304, 404, 410, 429, 500])
def test_every_status_is_an_answer(server, status):
    server.answers["/"] = answer(status=status)

    assert fetch(f"{server.origin}/", allow_private=server.allowed).status == status


# --- where it may go ---


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("ftp://example.com/", "scheme_not_allowed"),
        ("file:///etc/passwd", "scheme_not_allowed"),
        ("gopher://127.0.0.1:6379/", "scheme_not_allowed"),
        ("//example.com/", "scheme_not_allowed"),
        ("http://", "url_invalid"),
        ("http://exa mple.com/", "url_invalid"),
        ("http://example.com:99999/", "url_invalid"),
        ("http://example.com/\r\nX: y", "url_invalid"),
        ("http://name:secret@example.com/", "credentials_not_allowed"),
        ("http://example.com/" + "a" * 5000, "url_invalid"),
    ],
)
def test_addresses_that_are_not_plain_web_addresses_are_refused(url, code):
    with pytest.raises(Invalid) as error:
        fetch(url)

    assert code_of(error) == code


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "0", "[::ffff:7f00:1]"],
)
def test_every_spelling_of_loopback_is_refused_without_a_connection(server, host):
    with pytest.raises(Invalid) as error:
        fetch(f"http://{host}:{server.server_port}/")

    assert code_of(error) == "address_not_allowed"
    assert server.requests == []


def test_one_private_address_among_public_ones_refuses_the_name(monkeypatch):
    resolving_to(monkeypatch, ["93.184.216.34", "10.0.0.1"])

    with pytest.raises(Invalid) as error:
        fetch("http://feed.test/")

    assert code_of(error) == "address_not_allowed"


def test_allowed_private_place_is_host_and_port_together(server):
    server.answers["/"] = answer(b"ok")

    with pytest.raises(Invalid):
        fetch(f"{server.origin}/", allow_private=frozenset({"127.0.0.1:1"}))
    with pytest.raises(Invalid):
        fetch(f"{server.origin}/", allow_private=frozenset({f"localhost:{server.server_port}"}))

    assert server.requests == []
    assert fetch(f"{server.origin}/", allow_private=server.allowed).body == b"ok"


def test_setting_names_the_private_places_by_default(server, settings):
    server.answers["/"] = answer(b"ok")
    settings.HTTP_ALLOWED_PRIVATE = server.allowed

    assert fetch(f"{server.origin}/").body == b"ok"


def test_connection_goes_to_the_checked_address_under_the_name_of_the_url(server, monkeypatch):
    asked = resolving_to(monkeypatch, ["127.0.0.1"], ["192.0.2.1"])
    server.answers["/"] = answer(b"ok")

    fetched = fetch(
        f"http://Feed.test:{server.server_port}/", allow_private=frozenset({f"feed.test:{server.server_port}"})
    )

    assert fetched.body == b"ok"
    assert asked == ["feed.test"]
    assert server.requests[0][1]["host"] == f"feed.test:{server.server_port}"


def test_name_that_turns_private_after_the_check_is_refused_at_the_next_hop(server, monkeypatch):
    """DNS rebinding: the first answer is allowed, the second look-up of the redirect leads inside."""
    port = server.server_port
    asked = resolving_to(monkeypatch, ["127.0.0.1"], ["10.0.0.1"])
    server.answers["/"] = answer(status=302, Location=f"http://inner.test:{port}/secret")

    with pytest.raises(Invalid) as error:
        fetch(f"http://feed.test:{port}/", allow_private=frozenset({f"feed.test:{port}"}))

    assert code_of(error) == "address_not_allowed"
    assert asked == ["feed.test", "inner.test"]
    assert [path for path, _ in server.requests] == ["/"]


def test_second_address_is_tried_when_the_first_does_not_answer(server, monkeypatch):
    resolving_to(monkeypatch, ["127.0.0.2", "127.0.0.1"])
    server.answers["/"] = answer(b"ok")
    place = f"feed.test:{server.server_port}"

    assert fetch(f"http://{place}/", allow_private=frozenset({place})).body == b"ok"


def test_tls_names_the_host_of_the_url_not_the_address(monkeypatch):
    resolving_to(monkeypatch, ["127.0.0.1"])
    greeting = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def greet():
            connection, _ = listener.accept()
            with connection:
                greeting.append(connection.recv(4096))

        thread = threading.Thread(target=greet, daemon=True)
        thread.start()
        with pytest.raises(UpstreamFailed) as error:
            fetch(f"https://feed.test:{port}/", allow_private=frozenset({f"feed.test:{port}"}))
        thread.join(timeout=5)

    assert code_of(error) == "connection_failed"
    assert b"feed.test" in greeting[0]
    assert b"127.0.0.1" not in greeting[0]


# --- redirects ---


def test_redirects_are_followed_and_listed(server):
    server.answers["/a"] = answer(status=301, Location="/b")
    server.answers["/b"] = answer(status=302, Location=f"{server.origin}/c")
    server.answers["/c"] = answer(b"there")

    fetched = fetch(f"{server.origin}/a", allow_private=server.allowed)

    assert (fetched.url, fetched.body) == (f"{server.origin}/c", b"there")
    assert fetched.redirects == [(301, f"{server.origin}/b"), (302, f"{server.origin}/c")]


def test_five_redirects_are_followed_and_a_sixth_is_refused(server):
    for number in range(6):
        server.answers[f"/{number}"] = answer(status=302, Location=f"/{number + 1}")
    server.answers["/6"] = answer(b"end")

    assert fetch(f"{server.origin}/1", allow_private=server.allowed).body == b"end"
    with pytest.raises(UpstreamFailed) as error:
        fetch(f"{server.origin}/0", allow_private=server.allowed)

    assert code_of(error) == "too_many_redirects"


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("file:///etc/passwd", "scheme_not_allowed"),
        ("http://169.254.169.254/latest/meta-data/", "address_not_allowed"),
        ("http://[fd00:ec2::254]/", "address_not_allowed"),
        ("http://user:secret@127.0.0.1/", "credentials_not_allowed"),
        ("http://exa mple/", "url_invalid"),
    ],
)
def test_redirect_is_checked_like_the_first_address(server, target, code):
    server.answers["/"] = answer(status=302, Location=target)

    with pytest.raises(Invalid) as error:
        fetch(f"{server.origin}/", allow_private=server.allowed)

    assert code_of(error) == code


def test_other_origin_after_a_redirect_does_not_see_our_headers(server):
    with serving() as other:
        server.answers["/"] = answer(status=302, Location=f"{other.origin}/there")
        other.answers["/there"] = answer(b"ok")

        fetch(
            f"{server.origin}/",
            headers={"Authorization": "Bearer x", "If-None-Match": '"v"', "Accept": "text/xml"},
            allow_private=server.allowed | other.allowed,
        )

        assert server.requests[0][1]["authorization"] == "Bearer x"
        seen = other.requests[0][1]
        assert seen["accept"] == "text/xml"
        assert "authorization" not in seen
        assert "if-none-match" not in seen


def test_redirect_without_a_place_to_go_is_the_answer(server):
    server.answers["/"] = answer(b"?", status=302)

    assert fetch(f"{server.origin}/", allow_private=server.allowed).status == 302


# --- time and failure ---


def test_server_that_drips_bytes_is_left_at_the_total_limit(server):
    def drip(handler):
        handler.send_response(200)
        handler.end_headers()
        while True:
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.05)

    server.answers["/"] = drip
    started = time.monotonic()

    with pytest.raises(UpstreamFailed) as error:
        fetch(f"{server.origin}/", limits=FetchLimits(total_seconds=0.4), allow_private=server.allowed)

    assert code_of(error) == "timeout"
    assert 0.3 < time.monotonic() - started < 1.5


def test_slow_redirects_share_one_total_limit(server):
    def slowly(handler):
        time.sleep(0.15)
        answer(status=302, Location="/")(handler)

    server.answers["/"] = slowly

    with pytest.raises(UpstreamFailed) as error:
        fetch(f"{server.origin}/", limits=FetchLimits(total_seconds=0.4), allow_private=server.allowed)

    assert code_of(error) == "timeout"


def test_silent_server_is_left_at_the_read_limit(server):
    server.answers["/"] = lambda handler: time.sleep(1)
    started = time.monotonic()

    with pytest.raises(UpstreamFailed) as error:
        fetch(f"{server.origin}/", limits=FetchLimits(read_seconds=0.2), allow_private=server.allowed)

    assert code_of(error) == "timeout"
    assert time.monotonic() - started < 0.9


def test_hanging_name_server_is_left_at_the_limit(monkeypatch):
    released = threading.Event()
    monkeypatch.setattr(connecting.socket, "getaddrinfo", lambda *_, **__: released.wait(5) and [])

    with pytest.raises(UpstreamFailed) as error:
        fetch("http://feed.test/", limits=FetchLimits(connect_seconds=0.2))
    released.set()

    assert code_of(error) == "timeout"


def test_unknown_name_is_reported(monkeypatch):
    def fail(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(connecting.socket, "getaddrinfo", fail)

    with pytest.raises(UpstreamFailed) as error:
        fetch("http://feed.test/")

    assert code_of(error) == "name_not_resolved"


def test_closed_port_is_reported():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(UpstreamFailed) as error:
        fetch(f"http://127.0.0.1:{port}/", allow_private=frozenset({f"127.0.0.1:{port}"}))

    assert code_of(error) == "connection_failed"


@pytest.mark.parametrize(
    "said", [b"SSH-2.0-nonsense\r\n\r\n", b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"]
)
def test_answer_that_is_not_whole_http_is_reported(server, said):
    def speak(handler):
        handler.wfile.write(said)

    server.answers["/"] = speak

    with pytest.raises(UpstreamFailed) as error:
        fetch(f"{server.origin}/", allow_private=server.allowed)

    assert code_of(error) == "protocol_error"


# --- transactions ---


@pytest.mark.django_db
def test_fetch_inside_a_transaction_is_refused(server):
    with transaction.atomic(), pytest.raises(InsideTransaction):
        fetch(f"{server.origin}/", allow_private=server.allowed)

    assert server.requests == []


@pytest.mark.django_db
def test_fetch_inside_a_transaction_may_be_allowed_by_setting(server, settings):
    settings.HTTP_REFUSED_IN_TRANSACTION = False
    server.answers["/"] = answer(b"ok")

    with transaction.atomic():
        assert fetch(f"{server.origin}/", allow_private=server.allowed).body == b"ok"


def test_the_caller_is_asked_before_each_other_server(server):
    other = server.origin.replace("127.0.0.1", "localhost")
    server.answers["/a"] = answer(status=301, Location="/b")
    server.answers["/b"] = answer(status=302, Location=f"{other}/c")
    server.answers["/c"] = answer(b"x")
    asked = []

    fetch(
        f"{server.origin}/a", allow_private=server.allowed | {other.removeprefix("http://")}, before_server=asked.append
    )

    assert asked == ["localhost"]
