"""Telling a server something: one POST within a deadline, to the hosts that may be reached."""

import time

from visavis.errors import FetchError
from visavis.sources.web.deadline import Deadline, StoppedError, TooLateError

_TIMEOUT = 10.0  # seconds to connect, and between two pieces of an answer
_HEADERS = {"User-Agent": "visavis (alert)", "Content-Type": "application/json"}


def post(url: str, body: bytes, *, allow_private: bool, seconds: float) -> None:
    """Send JSON to a URL; no redirect is followed, and the answer is not read.

    Raises FetchError where the host is not on the public internet (unless `allow_private`), cannot
    be reached, is too slow, or answers with anything but success.
    """
    import httpcore
    import httpx

    from visavis.sources.web.addresses import PrivateAddressError
    from visavis.sources.web.transport import make_client

    deadline = Deadline()
    try:
        with (
            make_client(allow_private, deadline, _TIMEOUT, _HEADERS) as client,
            deadline.until(time.monotonic() + seconds),
            client.stream("POST", url, content=body) as response,
        ):
            status, reason = response.status_code, response.reason_phrase
    except PrivateAddressError as error:
        raise FetchError(
            url, f"it is not on the public internet ({error}); use --allow-private if that is meant"
        ) from error
    except (TooLateError, StoppedError, httpcore.TimeoutException) as error:
        raise FetchError(url, f"it did not answer within {seconds:g} seconds") from error
    except (
        httpcore.NetworkError,
        httpcore.ProtocolError,
        httpcore.UnsupportedProtocol,
        httpx.HTTPError,
        httpx.InvalidURL,
        ValueError,
    ) as error:
        raise FetchError(url, f"it cannot be told ({error})") from error
    if not 200 <= status < 300:
        raise FetchError(url, f"it answered {status} {reason}".rstrip())
