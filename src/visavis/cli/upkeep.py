"""`visavis status`, `remove`, `compact`, `doctor`: an index and its surroundings kept well."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visavis.cli import options, terminal
from visavis.processors import cores

if TYPE_CHECKING:
    from visavis.flows.aspects.keeping import Progress
    from visavis.image_index import ImageIndex
    from visavis.store.base import SourceInfo, StoreInfo
    from visavis.types import IndexReport


def status(index: options.Index = None, json_output: options.Json = False) -> None:
    """Show what an index holds.

    How many records, by which model, how large; of each source how many, when it was indexed last,
    and what is wrong with it.
    """
    with options.open_index(options.settings(index)) as target:
        info = target.info()
        place = target.store.facts.place
    if json_output:
        shape = info.to_dict()
        for shown, source in zip(shape["sources"], info.sources, strict=True):
            shown["problems"] = _problems(source)
        terminal.echo_json(shape)
        return
    _print_pairs(_status_lines(place, info))


def _status_lines(place: str, info: "StoreInfo") -> list[tuple[str, str]]:
    search = "approximate, exact where a filter keeps few" if info.approximate else "exact"
    lines = [
        ("index", place),
        ("records", f"{info.records:,}"),
        ("model", f"{info.model} ({info.dim} dimensions)"),
        *([] if info.bytes is None else [("size", _megabytes(info.bytes))]),
        ("search", search + (f"; {info.pending:,} newest exact" if info.pending else "")),
    ]
    sources = [s for s in info.sources if s.records or s.row.kind != "list"]
    lines += [("source" if at == 0 else "", _described(one)) for at, one in enumerate(sources)]
    if info.fields:
        named = (f"{name} ({kind})" for name, kind in sorted(info.fields.items()))
        lines.append(("fields", ", ".join(named)))
    return lines


def _described(source: "SourceInfo") -> str:
    """How many records, from when, and what is wrong."""
    from datetime import datetime

    shown = ["1 record" if source.records == 1 else f"{source.records:,} records"]
    if source.run is not None:
        when = datetime.fromtimestamp(source.run.ended or source.run.began).astimezone()
        shown.append(f"last run {when:%Y-%m-%d %H:%M}")
    return f"{source.uri}: {', '.join([*shown, *_problems(source)])}"


def _problems(source: "SourceInfo") -> list[str]:
    """What is wrong with a source, if anything."""
    from visavis.flows.source_identity import is_gone

    problems = []
    if is_gone(source.row):
        problems.append("not there now")
    run = source.run
    if run is not None and run.ended is None:
        problems.append("stopped, or still going on")
    if run is not None and run.skipped:
        problems.append(f"{run.skipped:,} skipped")
    if run is not None and run.refused:
        problems.append("refused: index it again to see why")
    return problems


def keep_parts(
    index: "ImageIndex", keep: bool | None, allow_private: bool, progress: "Progress"
) -> "list[IndexReport]":
    """Keep the parts of pictures from now on, with those of the records there are, or drop them."""
    if keep:
        made = 0

        def counted(name: str, done: int) -> None:
            nonlocal made
            made = done
            progress(name, done)

        report = index.aspects.keep("parts", allow_private=allow_private, progress=counted)
        if made:
            many = "one record was" if made == 1 else f"{made:,} records were"
            report.notes.append(f"{many} given parts, which later runs keep up")
        return [report]
    if keep is not None:
        index.aspects.drop("parts")
    return []


def remove(
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="ID...", help="Ids.", show_default=False),
    ] = None,
    index: options.Index = None,
    where: Annotated[
        list[str] | None, typer.Option(metavar="EXPR", help="Remove records that match the filter.")
    ] = None,
    source: Annotated[
        str | None, typer.Option(metavar="SOURCE", help="Remove a source with all its records.")
    ] = None,
    missing_ok: Annotated[
        bool, typer.Option("--missing-ok", help="Pass over ids that no record has.")
    ] = False,
    json_output: options.Json = False,
) -> None:
    """Remove records from an index.

    By ids, by filters (which all have to hold), or by a source. The pictures themselves are never
    touched.
    """
    from visavis.errors import UsageError

    if missing_ok and not ids:
        raise UsageError("--missing-ok is for ids; none was given")
    from visavis.filters import as_filter, described
    from visavis.flows.query.hints import hint

    given = options.settings(index)
    with options.open_index(given) as target:
        removed = target.remove(*(ids or []), where=where, source=source, missing_ok=missing_ok)
        passing = as_filter(where or None)
        if passing is not None and not removed:
            reason = f"no record passes the filter {described(passing)}"
            terminal.tell(reason + hint(passing, target.store))
    done = "removed 1 record" if removed == 1 else f"removed {removed:,} records"
    terminal.echo(json.dumps({"removed": removed}) if json_output else done)


def compact(index: options.Index = None, json_output: options.Json = False) -> None:
    """Check an index and tidy it up.

    The whole database is checked, the caches are made again, and free space goes back to the disk.
    """
    with options.open_index(options.settings(index)) as target:
        before = target.info().bytes
        target.compact()
        after = target.info().bytes
    if json_output:
        terminal.echo_json({"bytes_before": before, "bytes": after})
    elif before is None or after is None:
        terminal.echo("no errors")
    else:
        terminal.echo(f"no errors; {_megabytes(before)} before, {_megabytes(after)} now")


@dataclass(frozen=True, slots=True)
class _Finding:
    """One line of the doctor's report."""

    name: str
    value: str
    good: bool = True


def doctor(index: options.Index = None, json_output: options.Json = False) -> int:
    """Check this installation.

    Versions, formats, devices, models, and the index, if there is one. Exits with 3 when something
    is wrong.
    """
    given = options.settings(index)
    findings = [*_machine(), *_formats(), _devices(), *_models()]
    findings += _index_health(given.index)
    if json_output:
        shape = [{"name": f.name, "value": f.value, "good": f.good} for f in findings]
        terminal.echo_json(shape)
    else:
        _print_pairs([(("" if f.good else "! ") + f.name, f.value) for f in findings])
    return 0 if all(finding.good for finding in findings) else 3


def _machine() -> list[_Finding]:
    import platform
    from importlib.metadata import version

    from visavis import __version__

    parts = ("numpy", "pillow", "onnxruntime", "faiss-cpu")
    return [
        _Finding("visavis", __version__),
        _Finding("python", f"{platform.python_version()}, {platform.machine()}"),
        _Finding("cores", str(cores())),
        _Finding("libraries", ", ".join(f"{part} {version(part)}" for part in parts)),
    ]


def _formats() -> list[_Finding]:
    from importlib.util import find_spec

    from PIL import features

    avif = "yes" if features.check("avif") else "no (this Pillow was built without it)"
    return [
        _Finding("AVIF", avif),
        _Finding("HEIC", _extra(find_spec("pillow_heif") is not None, "heic")),
        _Finding("JPEG XL", _extra(find_spec("pillow_jxl") is not None, "jxl")),
        _Finding("Parquet", _extra(find_spec("pyarrow") is not None, "parquet")),
        _Finding("HDF5", _extra(find_spec("h5py") is not None, "hdf5")),
        _Finding("model hub", _extra(find_spec("huggingface_hub") is not None, "hub")),
    ]


def _extra(there: bool, extra: str) -> str:
    return "yes" if there else f"no (pip install 'visavis[{extra}]')"


def _devices() -> _Finding:
    from visavis.embedders.runtime.engine import engine
    from visavis.embedders.runtime.network import PROVIDERS

    there = engine().get_available_providers()
    return _Finding("devices", ", ".join(name for name, of in PROVIDERS.items() if of in there))


def _models() -> list[_Finding]:
    from visavis.embedders.registry import list_models

    return [
        _Finding(
            f"model {info.name}",
            info.problem or (f"{info.dim} dimensions" if info.dim else info.kind),
            info.problem is None,
        )
        for info in list_models()
    ]


def _index_health(index: str) -> list[_Finding]:
    from visavis.errors import IndexMissingError, VisavisError
    from visavis.store.capabilities import is_local
    from visavis.store.open import open_store

    try:
        store = open_store(index)
    except IndexMissingError:
        return [_Finding("index", f"none at {index}")]
    except VisavisError as error:
        return [_Finding("index", str(error), good=False)]
    try:
        if is_local(store):
            store.check()
        health = _Finding("index", f"{index}: no errors, {store.info().records:,} records")
    except VisavisError as error:
        return [_Finding("index", str(error), good=False)]
    finally:
        store.close()
    return [health, _its_model(index)]


def _its_model(index: str) -> _Finding:
    """Whether pictures can be asked of an index, and more be taken in."""
    from visavis.errors import ModelUnknownError, VisavisError
    from visavis.image_index import ImageIndex

    try:
        with ImageIndex.open(index) as opened:
            return _Finding("its model", opened.embedder().name)
    except ModelUnknownError as error:  # as was meant by whoever imported its vectors
        return _Finding("its model", str(error))
    except VisavisError as error:
        return _Finding("its model", str(error), good=False)


def _print_pairs(lines: list[tuple[str, Any]]) -> None:
    width = max(len(name) for name, _ in lines)
    for name, value in lines:
        terminal.echo(f"{terminal.one_line(name).ljust(width)}  {terminal.one_line(str(value))}")


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"
