"""Plans: of each file in a group of duplicates, what is to become of it, and why.

A plan is a JSON file that people can read and change. It names every file with its size and digest,
so that nothing is touched that has changed since, and the index that it was made from.
"""

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from visavis.disk import check_place, reason, write_named, write_whole
from visavis.errors import UsageError
from visavis.flows.duplicates.decisions import Outcome
from visavis.flows.duplicates.found import DuplicateGroup, Link
from visavis.flows.duplicates.rules import Pairs, Rule, choose
from visavis.images.files import local_path, stat_file
from visavis.sources.base import is_remote
from visavis.types import ImageRecord

UPLOADED = "it was uploaded, and no source would bring it back; visavis remove takes it out"
"""Why nothing is done with a picture that lies with the index: no source would bring it in again,
and a file there that no record names is deleted by `visavis compact`."""

Action = Literal["keep", "move", "leave"]
"""Keep it, as the best; move it away; leave it where it is, as nothing says that it may go."""

_FORMAT = 1
_NO_PLAN = (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError)


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """What is to become of one file."""

    group: int
    action: Action
    id: str
    path: str
    """Of the file, or an address; see `visavis.images.files` for names that are no text."""
    size: int
    sha256: str
    reason: str
    copy_of: str | None = None
    """The path of the file that is kept in its stead."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to become of all files."""

    index: str
    """What tells the index from others."""
    index_folder: str
    keep: tuple[str, ...]
    """The rules."""
    files: tuple[PlannedFile, ...]
    made: str = ""
    moved_to: str | None = None
    """Where files were moved, since that was begun."""

    def count(self, action: Action) -> int:
        """How many files have that before them."""
        return sum(file.action == action for file in self.files)

    @property
    def settled(self) -> int:
        """Groups of which nothing is left open."""
        open_ = {file.group for file in self.files if file.action == "leave"}
        return len({file.group for file in self.files} - open_)

    @property
    def groups(self) -> int:
        """All groups."""
        return len({file.group for file in self.files})

    @property
    def freed(self) -> int:
        """How many bytes the files have that are moved."""
        return sum(file.size for file in self.files if file.action == "move")

    @staticmethod
    def check_place(path: str | os.PathLike[str]) -> None:
        """Raise UsageError where no plan can be written, or one is that is needed to undo it."""
        check_place(Path(path), "plan")
        try:
            there = _parsed(json.loads(Path(path).read_bytes())) if Path(path).is_file() else None
        except _NO_PLAN:
            return
        if there is not None and there.moved_to is not None:
            raise UsageError(
                f"{path}: this plan was carried out, and --undo needs it to put back what is in "
                f"{there.moved_to}; name another file, or delete it when you are sure"
            )

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write it; raises UsageError where it cannot be written; see `check_place`."""
        self.check_place(path)
        write_named(Path(path), "plan", self.text())

    def write_again(self, path: Path) -> None:
        """Write it in its own place: whole, or not at all."""
        try:
            write_whole(path, self.text())
        except OSError as error:
            raise UsageError(
                f"{path}: the plan has to say where files were moved, and cannot be written "
                f"({error.strerror}); nothing was moved"
            ) from error

    @classmethod
    def read(cls, path: str | os.PathLike[str], index: str) -> "Plan":
        """A plan of the index. Raises UsageError for another index's, and for what is no plan."""
        try:
            shape = json.loads(Path(path).read_bytes())
            plan = _parsed(shape)
        except OSError as error:
            raise UsageError(f"{path}: the plan cannot be read ({error.strerror})") from error
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{path}: this is no plan of visavis ({reason(error)})") from error
        except (KeyError, TypeError, AttributeError) as error:
            raise UsageError(f"{path}: this is no plan of visavis") from error
        if plan.index != index:
            raise UsageError(
                f"{path}: the plan was made from another index ({plan.index_folder}); name that "
                "one with --index, or make a plan from this one"
            )
        return plan

    def text(self) -> bytes:
        """The file that `write` writes."""
        shape: dict[str, Any] = {"visavis_plan": _FORMAT, **asdict(self)}
        return (json.dumps(shape, indent=1, ensure_ascii=False) + "\n").encode()


def _parsed(shape: Mapping[str, Any]) -> Plan:
    if shape["visavis_plan"] != _FORMAT:
        raise ValueError(f"its version is {shape['visavis_plan']}, not {_FORMAT}")
    facts = {name: value for name, value in shape.items() if name != "visavis_plan"}
    files = tuple(_parsed_file(file) for file in facts.pop("files"))
    return Plan(files=files, keep=tuple(facts.pop("keep")), **facts)


def _parsed_file(shape: Mapping[str, Any]) -> PlannedFile:
    file = PlannedFile(**shape)
    if file.action not in get_args(Action):
        raise ValueError(f"{file.path}: no action is called {file.action!r}")
    path = local_path(file.path)
    if file.action == "move" and (not path.is_absolute() or ".." in path.parts):
        raise ValueError(f"{file.path}: what is moved has an absolute path")
    return file


def make_plan(
    groups: Sequence[DuplicateGroup],
    rules: Sequence[Rule],
    decided: Outcome,
    index: str,
    index_folder: str,
    uploaded: Callable[[str], bool],
) -> Plan:
    """What rules say of groups; nothing is moved that was not compared with what is kept.

    `uploaded` says of a URI whether it is that of a file that lies with the index.
    """
    files: list[PlannedFile] = []
    for number, group in enumerate(groups, 1):
        files += _planned(number, group, rules, decided)
    return Plan(
        index,
        index_folder,
        tuple(rule.name for rule in rules),
        tuple(_sound(files, uploaded)),
        time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    )


def _planned(
    number: int, group: DuplicateGroup, rules: Sequence[Rule], decided: Outcome
) -> Iterator[PlannedFile]:
    chosen = _chosen(group, rules, decided)
    if isinstance(chosen, str):
        yield from (_left(number, record, chosen) for record in group.records)
        return
    kept, why = chosen
    relations = {
        end.sha256: link.relation
        for link in group.links
        if kept.sha256 in (link.one.sha256, link.other.sha256)
        for end in link.ends
    } | {kept.sha256: "exact"}
    yield _file(number, "keep", kept, why)
    for record in group.records:
        if record.id == kept.id:
            continue
        relation = relations.get(record.sha256)
        if relation == "exact" or relation == "near_duplicate":
            what = "the same picture" if relation == "exact" else "the same picture, edited"
            yield replace(_file(number, "move", record, what), copy_of=kept.uri)
        elif relation == "variant":
            yield _left(number, record, "in other colours than the one that is kept")
        else:
            yield _left(number, record, "was not compared with the one that is kept")


def _chosen(
    group: DuplicateGroup, rules: Sequence[Rule], decided: Outcome
) -> tuple[ImageRecord, str] | str:
    """What to keep and why, or why nothing can be told."""
    if group.kept_apart:
        return "it fits pictures that differ from one another; decide on them first"
    there = [record for record in group.records if _of_record(record) is None]
    if not there:
        return "none of its files is there"
    best = {decided.best(record.sha256) for record in there} - {None}
    named = [record for record in there if record.sha256 in best]
    if len({record.sha256 for record in named}) == 1:
        return named[0], "decided to be the best"
    plain = [link for link in group.links if link.plain]
    whole = [link for link in group.links if link.by != "local features"]
    pairs = Pairs(_linked_by(plain), _linked_by(whole))
    return choose(there, rules, pairs) or "no rule tells which one to keep"


def _linked_by(links: Sequence[Link]) -> Callable[[ImageRecord, ImageRecord], bool]:
    """Whether two records have the same bytes, or one of these links."""
    ends = {frozenset((link.one.sha256, link.other.sha256)) for link in links}
    return lambda one, other: (
        one.sha256 == other.sha256 or frozenset((one.sha256, other.sha256)) in ends
    )


def _file(number: int, action: Action, record: ImageRecord, reason: str) -> PlannedFile:
    return PlannedFile(number, action, record.id, record.uri, record.size, record.sha256, reason)


def _left(number: int, record: ImageRecord, reason: str) -> PlannedFile:
    return _file(number, "leave", record, _of_record(record) or reason)


def _of_record(record: ImageRecord) -> str | None:
    return changed(record.uri, record.size, record.modified)


def changed(uri: str, size: int, modified: float | None = None) -> str | None:
    """Why a file cannot be told to be the one that was indexed; None: it can."""
    if is_remote(uri):
        return "it is no file of this machine"
    found = stat_file(str(local_path(uri)))
    if isinstance(found, str):
        return f"{found}; index again"
    touched = modified is not None and abs(found.st_mtime - modified) > 1e-3
    if found.st_size != size or touched:
        return "it has changed since it was indexed; index again"
    return None


def _sound(files: Sequence[PlannedFile], uploaded: Callable[[str], bool]) -> Iterator[PlannedFile]:
    """The same, but that no file is moved which another record has as well, be it by a link."""
    names = [frozenset() if is_remote(one.path) else _names(local_path(one.path)) for one in files]
    counts = Counter(name for known in names for name in known)
    for file, known in zip(files, names, strict=True):
        if file.action == "move":
            reason = changed(file.path, file.size)
            if local_path(file.path).is_symlink():
                reason = "it is a link"
            elif any(counts[name] > 1 for name in known):
                reason = "it is the very file that another record has, and stays"
            elif uploaded(file.path):
                reason = UPLOADED
            if reason is not None:
                yield replace(file, action="leave", reason=reason, copy_of=None)
                continue
        yield file


def _names(path: Path) -> frozenset[str]:
    """What a file is called: the path behind links, and its place on the disk."""
    names = {os.path.realpath(path)}
    found = stat_file(str(path))
    if not isinstance(found, str):
        names.add(f"{found.st_dev}:{found.st_ino}")
    return frozenset(names)
