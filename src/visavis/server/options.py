"""What a server may do and how much of it: one frozen value, fit to be sent to worker processes."""

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from visavis.errors import UsageError
from visavis.filters import normal
from visavis.images.decode import MAX_PIXELS
from visavis.images.metadata import GPS
from visavis.processors import cores

_PREFIX = re.compile(r"(/[\w.~-]+)+", re.ASCII)


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How one index is served. Defaults are safe for this machine alone."""

    index: Path
    """Folder of the index."""
    files: Path | str | None = None
    """Folder of uploaded pictures and thumbnails, or where in s3:// the pictures go; None: as
    before, at first that of the index."""
    device: str = "cpu"
    """Where networks run."""
    max_pixels: int = MAX_PIXELS
    """Pictures with more pixels are refused before they are decoded."""
    max_query_pixels: int = 40_000_000
    """All pictures of one question together; those of a JPEG count a quarter."""
    threads: int = 0
    """Threads that decode, embed and search; 0: the cores, shared among the workers."""
    workers: int = 1
    """Processes that serve the index together."""
    host: str = "127.0.0.1"
    """Where it listens, so that requests for other names can be refused on loopback."""
    key_file: Path | None = None
    """API keys (see keys.py); without it anyone may read and nobody may write."""
    public: bool = False
    """Reading needs no key, and requests may name any host."""
    read_only: bool = False
    """Nobody may write, whatever the key."""
    watch: tuple[str, ...] = ()
    """Folders and catalogues that are watched beside serving."""
    exclude: tuple[str, ...] = ()
    """Globs of the watched folders' files and folders to leave out."""
    title: str = ""
    """The field that is a record's title; empty: chosen by names and values."""
    root_path: str = ""
    """What a proxy puts before every path, such as /images."""
    allow_urls: bool = False
    """Whether pictures may be fetched from URLs that a caller names."""
    allow_private: bool = False
    """Whether such URLs, and those of watched catalogues, may lie in private networks."""
    keep_metadata: bool = False
    """Whether files are served with their metadata: place, time, device."""
    signed_links: bool = False
    """Whether files in object storage are answered by a link to it, and not passed through."""
    hidden: frozenset[str] = GPS
    """Fields of the records that are never shown; see `hides`."""
    cors_origins: tuple[str, ...] = ()
    """Origins whose pages may use the API."""
    max_upload_bytes: int = 32_000_000
    """The largest body of a request."""
    rate: float = 50.0
    """Requests a second for one client, in each worker; 0: no limit."""
    burst: float = 200.0
    """Requests that a client may send at once after a pause."""
    queue: int = 64
    """Requests that may wait for a thread; one more is refused."""
    work_seconds: float = 30.0
    """A request that has no answer by then is given up."""
    write_seconds: float = 300.0
    """The same for adding and removing."""
    lock_seconds: float = 10.0
    """How long adding and removing wait for another process that writes."""
    head_seconds: float = 15.0
    """How long the head of a request may take."""
    silent_seconds: float = 15.0
    """How long a client may pause while it sends a body."""
    body_seconds: float = 120.0
    """How long a whole body may take."""
    body_rate: float = 2_000.0
    """Bytes a second that a body has to keep up after its first ten seconds."""
    log_format: Literal["text", "json"] = "text"
    """How the log is written."""
    log_requests: bool = False
    """Whether the log has every request, and not refusals alone."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", frozenset(map(normal, self.hidden)))
        object.__setattr__(self, "title", normal(self.title))
        if self.root_path and not _PREFIX.fullmatch(self.root_path):
            raise UsageError(
                f"--root-path {self.root_path!r}: write it as /images, without a slash at the end"
            )
        if self.root_path.split("/")[1:2] in (["v1"], ["ui"]):
            raise UsageError(
                f"--root-path {self.root_path}: the API itself lives below /v1 and the page below "
                "/ui; choose another prefix"
            )
        if self.signed_links and not self.keep_metadata:
            raise UsageError(
                "--signed-links sends files as they lie in storage, with the place and time in "
                "them; if that is meant, say --keep-metadata too"
            )
        for origin in self.cors_origins:
            if origin != "*" and not re.fullmatch(r"https?://[^/\s]+", origin):
                raise UsageError(
                    f"--cors-origin {origin!r}: write scheme and host alone, such as "
                    "https://shop.example"
                )

    def hides(self, field: str) -> bool:
        """Whether a field is hidden, however the accents of its name were typed."""
        return normal(field) in self.hidden

    @property
    def client_body_room(self) -> int:
        """Bytes of bodies that one client may have here at one time, in each worker."""
        return max(72_000_000, 2 * self.max_upload_bytes + 8_000_000)

    @property
    def body_room(self) -> int:
        """The same for all clients together."""
        return max(256_000_000, 2 * self.client_body_room)

    @property
    def pool_threads(self) -> int:
        """How many threads this process works with."""
        return self.threads or max(1, cores() // self.workers)

    @property
    def private(self) -> bool:
        """Whether this is for the person at this machine alone: loopback, and no keys."""
        return self.key_file is None and not self.public

    @property
    def writable(self) -> bool:
        """Whether anyone can write: that always needs a key."""
        return self.key_file is not None and not self.read_only

    @property
    def open_to_read(self) -> bool:
        """Whether reading needs no key."""
        return self.key_file is None or self.public


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a host name or address."""
    name = host.strip("[]")
    if name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def check_exposure(options: ServerOptions) -> None:
    """Refuse to show an index to the network by accident. Raises UsageError."""
    if options.private and not is_loopback(options.host):
        raise UsageError(
            f"--host {options.host} shows the index to everyone who can reach this machine; give "
            "--api-key-file FILE (visavis serve --new-key NAME makes one), or --public if all may "
            "look at it"
        )
