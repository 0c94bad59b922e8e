"""The httpx client of the fetcher: httpx's manners over connections that are checked."""

from collections.abc import Iterable, Iterator
from typing import cast

import httpcore
import httpx

from visavis.sources.web.addresses import PublicOnly
from visavis.sources.web.deadline import Deadline


def make_client(
    allow_private: bool, deadline: Deadline, timeout: float, headers: dict[str, str]
) -> httpx.Client:
    """A client that follows no redirect by itself and takes no proxy from the environment.

    Its requests raise httpcore's errors, PrivateAddressError, and those of `Deadline`.
    """
    return httpx.Client(
        transport=_CheckedTransport(allow_private, deadline),
        timeout=timeout,
        headers=headers,
        follow_redirects=False,
        trust_env=False,
    )


class _CheckedTransport(httpx.BaseTransport):
    """`httpx.HTTPTransport` with our own network backend, which it has no argument for."""

    def __init__(self, allow_private: bool, deadline: Deadline) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(),  # honours SSL_CERT_FILE
            max_connections=64,
            max_keepalive_connections=32,
            keepalive_expiry=15.0,
            network_backend=PublicOnly(allow_private, deadline),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._pool.handle_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=request.url.raw_scheme,
                    host=request.url.raw_host,
                    port=request.url.port,
                    target=request.url.raw_path,
                ),
                headers=request.headers.raw,
                content=cast(Iterable[bytes], request.stream),
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            status_code=answer.status,
            headers=answer.headers,
            stream=_Stream(cast(Iterable[bytes], answer.stream)),
            extensions=answer.extensions,
        )

    def close(self) -> None:
        self._pool.close()


class _Stream(httpx.SyncByteStream):
    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces

    def close(self) -> None:
        close = getattr(self._pieces, "close", None)
        if close is not None:
            close()
