"""`python -m benchmarks [name…] [--small]`: a table on the terminal, JSON in benchmarks/out."""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks import (
    bench_cluster,
    bench_cold,
    bench_embed,
    bench_growth,
    bench_index,
    bench_many,
    bench_map,
    bench_memory,
    bench_page,
    bench_reindex,
    bench_search,
    bench_serve,
    bench_site,
    bench_train,
    bench_verify,
    bench_words,
)
from benchmarks.measure import Figure, Report, Size

BENCHMARKS: dict[str, Callable[[Size, Path], Report]] = {
    "index": bench_index.run,
    "cluster": bench_cluster.run,
    "reindex": bench_reindex.run,
    "search": bench_search.run,
    "many": bench_many.run,
    "verify": bench_verify.run,
    "map": bench_map.run,
    "cold": bench_cold.run,
    "memory": bench_memory.run,
    "embed": bench_embed.run,
    "growth": bench_growth.run,
    "serve": bench_serve.run,
    "page": bench_page.run,
    "site": bench_site.run,
    "train": bench_train.run,
    "words": bench_words.run,
}
OUT = Path(__file__).parent / "out"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the chosen benchmarks; 1 when a bound does not hold."""
    given = _parser().parse_args(arguments)
    size: Size = "tiny" if given.tiny else "small" if given.small else "full"
    broken = 0
    with _workplace(given.work) as work:
        for name in given.names or BENCHMARKS:
            report = BENCHMARKS[name](size, work)
            print(table(report))
            given.out.mkdir(parents=True, exist_ok=True)
            shape = json.dumps(report.to_dict(), indent=1, ensure_ascii=False)
            (given.out / f"{name}.json").write_text(shape + "\n", encoding="utf-8")
            broken += sum(figure.holds is False for figure in report.figures)
    if broken:
        print(f"{broken} of the bounds do not hold", file=sys.stderr)
    return int(bool(broken) and size != "tiny")


def table(report: Report) -> str:
    """A report for people."""
    rows = [("", "measured", "floor", "ratio", "bound", "")]
    rows += [_row(figure) for figure in report.figures]
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    lines = [f"{report.name} ({report.size})"]
    for what, *cells in rows:
        right = (cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))
        lines.append(f"  {what.ljust(widths[0])}  {'  '.join(right)}".rstrip())
    floors = {figure.floor.what for figure in report.figures if figure.floor}
    lines += [f"  floor: {what}" for what in sorted(floors)]
    return "\n".join([*lines, *(f"  {note}" for note in report.notes)]) + "\n"


def _row(figure: Figure) -> tuple[str, str, str, str, str, str]:
    return (
        figure.what,
        f"{figure.value:,.4g} {figure.unit}",
        f"{figure.floor.value:,.4g}" if figure.floor else "",
        f"{figure.ratio:.2f}" if figure.ratio is not None else "",
        str(figure.bound or ""),
        {True: "holds", False: "BROKEN", None: ""}[figure.holds],
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(BENCHMARKS))
    parser.add_argument("--small", action="store_true", help="without the million records")
    parser.add_argument("--tiny", action="store_true", help="seconds; only shows that they run")
    parser.add_argument("--out", type=Path, default=OUT, help="where the JSON goes")
    parser.add_argument(
        "--work", type=Path, help="keep pictures and indexes there, for the next run"
    )
    return parser


@contextmanager
def _workplace(kept: Path | None) -> Iterator[Path]:
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="visavis-bench-") as folder:
        yield Path(folder)


if __name__ == "__main__":
    sys.exit(main())
