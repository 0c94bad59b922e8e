"""`visavis serve`: the HTTP API and the page."""

import logging
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from visavis.cli import options, terminal
from visavis.errors import ModelUnknownError, UsageError

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

    from visavis.server.options import ServerOptions

_UNREAD = 60  # seconds that a client may take nothing of an answer


def serve(
    index: options.Index = None,
    host: Annotated[
        str, typer.Option(metavar="HOST", help="Host name or IP address to listen on.")
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(
            metavar="PORT", min=0, max=65535, help="Port to listen on (0 = any free one)."
        ),
    ] = 8000,
    workers: Annotated[
        int, typer.Option(metavar="N", min=1, max=64, help="Number of worker processes.")
    ] = 1,
    api_key_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="File with API keys; without it the server is read-only."
        ),
    ] = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Refuse every change, whatever the key.")
    ] = False,
    public: Annotated[
        bool, typer.Option("--public", help="Let anyone search without a key.")
    ] = False,
    files: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="Folder for uploads and thumbnails, or s3://BUCKET/PREFIX for uploads; "
            "remembered. [default: the index's folder]",
            show_default=False,
        ),
    ] = None,
    watch: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SOURCE",
            help="Folder or catalogue to watch meanwhile, as `visavis watch` does; may be "
            "repeated.",
        ),
    ] = None,
    exclude: options.Exclude = None,
    title: Annotated[
        str,
        typer.Option(
            metavar="FIELD", help="The field that holds a record's title. [default: detected]"
        ),
    ] = "",
    root_path: Annotated[
        str,
        typer.Option(
            metavar="/PREFIX", help="URL prefix added by a reverse proxy, such as /images."
        ),
    ] = "",
    allow_urls: Annotated[
        bool, typer.Option("--allow-urls", help="Fetch pictures from URLs in requests.")
    ] = False,
    allow_private: options.AllowPrivate = False,
    keep_metadata: Annotated[
        bool,
        typer.Option("--keep-metadata", help="Serve files with their EXIF: place, time, device."),
    ] = False,
    signed_links: Annotated[
        bool,
        typer.Option(
            "--signed-links",
            help="Redirect to files in s3:// by links that last 15 minutes, instead of passing "
            "them through.",
        ),
    ] = False,
    hide: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD", help="A field of the records to keep private; may be repeated."
        ),
    ] = None,
    show_gps: Annotated[
        bool,
        typer.Option(
            "--show-gps", help="Do not hide latitude and longitude, as is done unless asked for."
        ),
    ] = False,
    cors_origin: Annotated[
        list[str] | None,
        typer.Option(metavar="ORIGIN", help="A site whose pages may use the API; may be repeated."),
    ] = None,
    max_upload_mb: Annotated[
        float, typer.Option(metavar="MB", min=0.001, help="Maximum size of a request body.")
    ] = 32.0,
    rate_limit: Annotated[
        float,
        typer.Option(
            metavar="N", min=0, help="Requests per second per client and worker (0 = unlimited)."
        ),
    ] = 50.0,
    device: options.Device = None,
    max_megapixels: options.MaxMegapixels = None,
    max_query_megapixels: Annotated[
        float,
        typer.Option(
            metavar="N",
            min=0.001,
            help="Limit for all pictures of a query together; a JPEG's pixels count a quarter.",
        ),
    ] = 40.0,
    log_format: Annotated[
        Literal["text", "json"], typer.Option(help="Format of the log.")
    ] = "text",
    log_requests: Annotated[
        bool, typer.Option("--log-requests", help="Log every request, not only refusals.")
    ] = False,
    new_key: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Add a key to --api-key-file, print it, and stop."),
    ] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SCOPE", help="What the new key allows: read or write. [default: read]"
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            metavar="DAY", help="Last day on which the new key is valid, such as 2027-01-31."
        ),
    ] = None,
) -> None:
    """Serve an index: an HTTP API and a web page.

    Only this machine can reach it unless --host says otherwise, and that needs keys or --public.
    """
    multiply_alone()
    from visavis.images.metadata import GPS
    from visavis.server.options import ServerOptions

    if new_key is not None:
        _make_key(api_key_file, new_key, scope or ["read"], until)
        return
    if scope or until:
        raise UsageError("--scope and --until are for --new-key")
    _check_exclude(watch, exclude)
    from visavis.store.open import is_folder

    given = options.settings(index, device=device, max_megapixels=max_megapixels)
    _run(
        ServerOptions(
            index=Path(given.index).absolute() if is_folder(given.index) else Path(given.index),
            files=_files(files),
            device=given.device,
            max_pixels=given.max_pixels,
            max_query_pixels=int(max_query_megapixels * 1e6),
            threads=given.jobs,
            workers=workers,
            host=host,
            key_file=api_key_file.absolute() if api_key_file else None,
            public=public,
            read_only=read_only,
            watch=tuple(watch or ()),
            exclude=tuple(exclude or ()),
            title=title,
            root_path=root_path,
            allow_urls=allow_urls,
            allow_private=allow_private,
            keep_metadata=keep_metadata,
            signed_links=signed_links,
            hidden=frozenset(hide or ()) | (frozenset() if show_gps else GPS),
            cors_origins=tuple(cors_origin or ()),
            max_upload_bytes=int(max_upload_mb * 1e6),
            rate=rate_limit,
            burst=4 * rate_limit,
            log_format=log_format,
            log_requests=log_requests,
        ),
        port,
    )


def multiply_alone() -> None:
    """Have each thread of this process and its workers multiply matrices by itself.

    OpenBLAS, which reads this when NumPy is imported, would wake a thread for each core, and these
    wait busily for cores that other requests have: on a loaded machine comparing local features
    took half of its time for that.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def _check_exclude(watch: list[str] | None, exclude: list[str] | None) -> None:
    from visavis.cli.indexing import refuse_idle_options

    if exclude and not watch:
        raise UsageError("--exclude leaves files out of folders that --watch names; name one")
    refuse_idle_options(watch or [], None, exclude)


def _files(given: str | None) -> Path | str | None:
    from visavis.buckets.address import is_object

    if not given or is_object(given):
        return given or None
    return Path(given).absolute()


def _make_key(file: Path | None, name: str, scopes: list[str], until: str | None) -> None:
    from visavis.server.edge.keys import new_key

    if file is None:
        raise UsageError("--new-key: say which file with --api-key-file FILE")
    key = new_key(file, name, scopes, until)
    terminal.tell(f"added {name!r} to {file}; this is shown once:")
    terminal.echo(key)


def _run(chosen: "ServerOptions", port: int) -> None:
    """Listen first, so that a port that is taken is reported before anything is loaded."""
    from visavis.image_index import ImageIndex
    from visavis.server import running
    from visavis.server.edge.keys import check_keys
    from visavis.server.logs import configure
    from visavis.server.options import check_exposure
    from visavis.watching.places import watched

    configure(chosen)
    check_exposure(chosen)
    if chosen.key_file is not None:
        check_keys(chosen.key_file)
    with ImageIndex.open(chosen.index, device=chosen.device, files=chosen.files) as index:
        try:
            index.embedder(threads=1)  # a missing index or model is an exit code, no traceback
        except ModelUnknownError as error:  # what it holds can be looked at all the same
            _tell(chosen, f"note: {error}")
        _check_fields(chosen, index.store.fields())
        known = {row.uri for row in index.store.sources()}
        for source in chosen.watch:
            watched(source, {}, known)  # a wrong name is an exit code too
        index.shelf.uploads.check()  # raises where its folder is away, or another index's
        place = index.store.facts.place  # without a token
    with _listening(chosen.host, port) as listener:
        url = _url(chosen, listener)
        _tell(chosen, f"serving {place} at {url} (stop with Ctrl-C)")
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _stop)
        _stop_with_the_terminal()
        if code := running.serve(chosen, listener):
            raise typer.Exit(code)


def _tell(chosen: "ServerOptions", sentence: str) -> None:
    """Say something before serving begins: to people as it is, to a log of objects as one."""
    if chosen.log_format == "json":
        logging.getLogger("visavis.server").info("%s", sentence)
    else:
        terminal.tell(sentence)


def _check_fields(chosen: "ServerOptions", fields: "Mapping[str, str]") -> None:
    from visavis.images.metadata import GPS

    if GPS & chosen.hidden & fields.keys():
        _tell(chosen, "note: latitude and longitude are hidden; show them with --show-gps")
    options.check_fields("--hide", sorted(chosen.hidden - GPS), fields)
    options.check_fields("--title", [chosen.title] if chosen.title else [], fields)
    if chosen.title and chosen.title in chosen.hidden:
        raise UsageError(f"--title {chosen.title}: --hide hides that field")


def _listening(host: str, port: int) -> "socket.socket":
    import socket

    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # The protocol is named because asyncio switches Nagle off only where it is: with 0, each
        # answer waits 40 ms for the acknowledgement of its head.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # of all connections: Linux
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNREAD * 1000)
        listener.bind(address)
        listener.listen(2048)
        listener.set_inheritable(True)
    except OSError as error:
        raise UsageError(
            f"cannot listen on {host}, port {port} ({error.strerror or error}); choose another "
            "with --host and --port"
        ) from error
    return listener


def _url(chosen: "ServerOptions", listener: "socket.socket") -> str:
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}{chosen.root_path}/"


def _stop_with_the_terminal() -> None:
    """A terminal that is closed (SIGHUP) is a stop as well, unless that is ignored (`nohup`)."""
    hang_up = getattr(signal, "SIGHUP", None)  # Windows has none
    if hang_up is not None and signal.getsignal(hang_up) is not signal.SIG_IGN:
        signal.signal(hang_up, lambda *_: signal.raise_signal(signal.SIGTERM))


def _stop(number: int, frame: object) -> None:
    """A stop that was asked for is no failure: the server has let the requests finish by then."""
    raise typer.Exit(0)
