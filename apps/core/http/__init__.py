"""Getting things from other people's servers, without being turned against our own network.

    fetched = fetch("https://example.com/feed.xml", headers={"If-None-Match": etag})
    fetched.status, fetched.url, fetched.body        # every status is an answer; only no answer is an error

Every hop is checked when it is connected: the name is resolved once, all its addresses must be public, and the
connection goes to an address that was checked, so a name that changes its mind in between (DNS rebinding) gains
nothing.  Redirects are followed here, at most five; the body is limited before and after decompression; one deadline
covers everything from the first look-up to the last byte.

Errors: ``Invalid`` when the address itself may not be asked (a retry is no use), ``UpstreamFailed`` when there was no
usable answer; ``errors[0].code`` says which.  Not promised: cookies between calls, proxies, HTTP/2.
"""

from apps.core.http.fetching import Fetched, FetchLimits, InsideTransaction, fetch

__all__ = ["FetchLimits", "Fetched", "InsideTransaction", "fetch"]
