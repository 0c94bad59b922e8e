"""A small S3 server that does what good ones seldom do: odd keys, broken objects, byte by byte."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import quote, unquote, urlsplit
from xml.sax.saxutils import escape

Content = bytes | int
"""What an object holds, or the status that asking for it brings."""


class OddServer:
    """Keys and what each holds; `asked` has the paths of all requests, as they came."""

    def __init__(self, objects: Mapping[str, Content], seconds_a_byte: float = 0.0) -> None:
        self.objects = objects
        self.seconds_a_byte = seconds_a_byte
        self.asked: list[str] = []
        self.endpoint = ""


@contextmanager
def running(objects: Mapping[str, Content], seconds_a_byte: float = 0.0) -> Iterator[OddServer]:
    """Such a server, until the block ends."""
    odd = OddServer(objects, seconds_a_byte)
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(odd)) as server:
        server.daemon_threads = True
        odd.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield odd
        finally:
            server.shutdown()
            thread.join()


def _handler(odd: OddServer) -> Callable[..., BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            odd.asked.append(self.path)
            parts = urlsplit(self.path)
            if "list-type=2" in parts.query:
                self._send(200, _listing(odd))
                return
            content = odd.objects.get(unquote(parts.path).partition("/")[2].partition("/")[2], 404)
            if isinstance(content, int):
                self._send(content, f"<Error><Code>{_CODES[content]}</Code></Error>".encode())
                return
            self._send(200, content, odd.seconds_a_byte)

        def _send(self, status: int, body: bytes, seconds: float = 0.0) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            try:
                for at in range(0, len(body), 1 if seconds else len(body) or 1):
                    self.wfile.write(body[at : at + 1] if seconds else body)
                    time.sleep(seconds)
            except OSError:
                self.close_connection = True  # the client has given up

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    return Handler


_CODES = {404: "NoSuchKey", 403: "AccessDenied", 500: "InternalError", 503: "SlowDown"}


def _listing(odd: OddServer) -> bytes:
    rows = [
        f"<Contents><Key>{escape(quote(key))}</Key><Size>"
        f"{len(content) if isinstance(content, bytes) else 1}</Size>"
        "<LastModified>2026-01-02T03:04:05.000Z</LastModified></Contents>"
        for key, content in sorted(odd.objects.items())
    ]
    return (
        '<?xml version="1.0"?><ListBucketResult><EncodingType>url</EncodingType>'
        f"<IsTruncated>false</IsTruncated>{''.join(rows)}</ListBucketResult>"
    ).encode()
