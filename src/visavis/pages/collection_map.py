"""The map of a collection as a page: one file that needs nothing else, or what a server sends."""

import base64
import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from visavis.disk import check_place, is_full, new_file
from visavis.errors import StorageFullError, UsageError
from visavis.filters import normal
from visavis.flows.mapping.levels import levels
from visavis.flows.mapping.making import CollectionMap
from visavis.images.metadata import GPS
from visavis.pages.render import asset, render
from visavis.pages.tiles import ACROSS, PER_TILE, small_pictures, tile
from visavis.store.text.titles import title_fields
from visavis.types import RGB, FieldValue, ImageRecord

SCRIPTS = ("data.js", "colouring.js", "land.js", "view.js", "hands.js", "page.js")
"""Of every map's page, in this order; one more says where it has its pictures from."""

MOST_BYTES = 20_000_000
"""Of a map in one file; its pictures are made as large as that allows."""

_SIDES = (160, 128, 96, 64, 48, 32)
_BYTES = {160: 4_600, 128: 3_300, 96: 2_100, 64: 1_150, 48: 720, 32: 370}
"""Of a picture in a tile, by its side: the most that photographs took."""
_LONGEST = 400  # characters of a value; more is no fact but a document
_SAMPLED = 200
_CURVE = 9  # bits of a place along each axis, for the order of pictures


@dataclass(frozen=True, slots=True)
class MapData:
    """A map as its page reads it, with the records in the order of their tiles."""

    records: tuple[ImageRecord, ...]
    shape: dict[str, Any]
    """JSON."""

    @property
    def tiles(self) -> Iterator[tuple[ImageRecord, ...]]:
        """The records of each tile."""
        for begin in range(0, len(self.records), PER_TILE):
            yield self.records[begin : begin + PER_TILE]


def map_data(
    made: CollectionMap, side: int, hidden: Collection[str] = (), *, neighbours: bool = True
) -> MapData:
    """What a page shows of a map.

    Pictures that are seen from afar come first, and among those of one level neighbours lie
    together, so that a view needs few tiles.

    Args:
        made: The map.
        side: Of a cell of the tiles, in pixels.
        hidden: Fields that are left out, however the accents of their names were typed.
        neighbours: Whether each picture's nearest are in it.
    """
    hidden = frozenset(map(normal, hidden))
    first = np.zeros(len(made), bool)
    first[[region.typical for region in made.regions if not region.fine]] = True
    level = levels(made.positions, first)
    order = np.lexsort((_along_a_curve(made.positions), level))
    row = np.empty(len(order), np.int64)
    row[order] = np.arange(len(order))
    records = tuple(made.records[old] for old in order.tolist())
    fields = [_shown(record, hidden) for record in records]
    titles = title_fields(fields[:_SAMPLED])
    shape: dict[str, Any] = {
        "side": side,
        "across": ACROSS,
        "ids": [record.id for record in records],
        "titles": [_title(mine, titles) for mine in fields],
        "places": _packed((made.positions[order] * 65535).round(), np.uint16),
        "levels": _packed(level[order], np.uint8),
        "shapes": _packed([_shape(record) for record in records], np.uint8),
        "fields": _columns(fields),
        "copies": [[int(row[old]) for old in group] for group in made.copies],
        "regions": [
            {
                "name": "" if region.field in hidden else region.name,
                "field": "" if region.field in hidden else region.field,
                "share": round(region.share, 3),
                "fine": region.fine,
                "typical": int(row[region.typical]),
                "place": [round(part, 5) for part in region.place],
                "rows": _packed(row[region.rows], np.int32),
            }
            for region in made.regions
        ],
    }
    if neighbours:
        shape["wide"] = made.neighbours.shape[1]
        shape["neighbours"] = _packed(row[made.neighbours[order]], np.int32)
        shape["cosines"] = _packed(np.clip(made.cosines[order], 0, 1) * 255, np.uint8)
    return MapData(records, shape)


def map_files() -> dict[str, Path]:
    """The files of a map's page that a server sends, by their names below ui/."""
    folder = Path(__file__).parent / "templates"
    names = ("map.css", "early.js", *SCRIPTS, "served.js")
    found = {f"map/{name}": folder / "mapped" / name for name in names}
    return found | {"map/tokens.css": folder / "tokens.css"}


# -- one file --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WrittenMap:
    """A map's file."""

    path: Path
    pictures: int
    missing: int
    """Pictures that could not be read; they are plain."""
    side: int
    """Pixels of a picture."""
    bytes: int


def check_map_path(path: Path, *, force: bool) -> None:
    """Raise UsageError when no map can be written under that name; before any work is done."""
    if path.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"cannot write a map named {path}: the name must end in .html")
    check_place(path, "map")
    if path.exists() and not force:
        raise UsageError(f"{path}: it is there already; replace it with --force")


def write_map(
    path: Path,
    made: CollectionMap,
    title: str,
    jobs: int,
    *,
    hidden: Collection[str] = GPS,
    allow_private: bool = False,
) -> WrittenMap:
    """Write a map as one file that opens without a server and loads nothing.

    Args:
        path: The file; one that is there is replaced.
        made: The map.
        title: Of the page.
        jobs: Threads that read pictures.
        hidden: Fields that are left out; if not given, where pictures were taken.
        allow_private: Whether URLs in private networks may be fetched.

    Raises UsageError when it cannot be written, StorageFullError.
    """
    side = side_for(len(made))
    data = map_data(made, side, hidden)
    pictures = small_pictures(data.records, side, jobs, allow_private=allow_private)
    tiles: list[Markup] = []
    missing = 0
    waiting: list[RGB | None] = []
    for number, pixels in enumerate(pictures, 1):
        waiting.append(pixels)
        missing += pixels is None
        if len(waiting) == PER_TILE or number == len(data.records):
            tiles.append(Markup(base64.b64encode(tile(waiting, side)).decode("ascii")))
            waiting = []
    page = _page(title, data, tiles).encode("utf-8", "replace")
    try:
        with new_file(path) as partial:
            partial.write_bytes(page)
    except OSError as error:
        if is_full(error):
            raise StorageFullError(
                f"{path}: no space left for the map; nothing was written"
            ) from error
        raise UsageError(f"cannot write the map {path}: {error.strerror or error}") from error
    return WrittenMap(path, len(data.records), missing, side, len(page))


def side_for(count: int) -> int:
    """How large pictures can be in a file of so many."""
    bytes_left = MOST_BYTES * 3 / 4 - 200 * count  # base64 takes a third more
    return next((side for side in _SIDES if _BYTES[side] * count <= bytes_left), _SIDES[-1])


def _page(title: str, data: MapData, tiles: Sequence[Markup]) -> str:
    style = "".join(asset(name) for name in ("tokens.css", "mapped/map.css"))
    script = "".join(asset(f"mapped/{name}") for name in (*SCRIPTS, "embedded.js"))
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    said = json.dumps(data.shape, ensure_ascii=False, separators=(",", ":"))
    return render(
        "mapped/single.html",
        title=title,
        policy=policy,
        style=Markup(style),
        script=Markup(script),
        data=Markup(said.replace("<", "\\u003c")),
        tiles=tiles,
        home="",
        loading="Opening the map …",
        hint="Words or an id",
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


# -- parts of the data -----------------------------------------------------------------------------


def _packed(values: Any, kind: type[np.generic]) -> str:
    flat = np.ascontiguousarray(values).astype(np.dtype(kind).newbyteorder("<"))
    return base64.b64encode(flat.tobytes()).decode("ascii")


def _along_a_curve(positions: NDArray[np.float32]) -> NDArray[np.int64]:
    """Where each place lies on a curve through all (Morton): near ones are mostly near on it."""
    cells = np.minimum((positions * (1 << _CURVE)).astype(np.int64), (1 << _CURVE) - 1)
    along = np.zeros(len(cells), np.int64)
    for bit in range(_CURVE):
        along |= ((cells[:, 0] >> bit) & 1) << (2 * bit)
        along |= ((cells[:, 1] >> bit) & 1) << (2 * bit + 1)
    return along


def _shape(record: ImageRecord) -> tuple[int, int]:
    """Width and height of its picture as 255ths of its cell."""
    longest = max(record.width, record.height, 1)
    wide, high = (max(1, round(255 * side / longest)) for side in (record.width, record.height))
    return wide, high


def _shown(record: ImageRecord, hidden: Collection[str]) -> dict[str, FieldValue]:
    return {name: value for name, value in record.fields.items() if name not in hidden}


def _title(fields: dict[str, FieldValue], titles: Sequence[str]) -> str:
    return next((_text(fields[name]) for name in titles if fields.get(name)), "")


def _text(value: FieldValue) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _columns(fields: Sequence[dict[str, FieldValue]]) -> list[dict[str, Any]]:
    names = dict.fromkeys(name for mine in fields for name in mine)
    return [_column(name, [mine.get(name) for mine in fields]) for name in names]


def _column(name: str, values: Sequence[FieldValue | None]) -> dict[str, Any]:
    there = [value for value in values if value is not None]
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in there):
        numbers = [np.nan if value is None else float(value) for value in values]
        return {"name": name, "kind": "number", "numbers": _packed(numbers, np.float64)}
    texts = [None if value is None else _text(value) for value in values]
    code = {text: number for number, text in enumerate(dict.fromkeys(filter(None, texts)))}
    codes = [code.get(text or "", -1) for text in texts]
    return {"name": name, "kind": "text", "values": list(code), "codes": _packed(codes, np.int32)}
