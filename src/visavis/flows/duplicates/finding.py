"""The duplicates of an index: `index.duplicates`."""

import hashlib
import os
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from visavis.errors import RecordNotFoundError, StoreError, StoreUnsupportedError, UsageError
from visavis.filters import Where, as_filter, check_field, described
from visavis.flows.duplicates.compared import ComparedPairs
from visavis.flows.duplicates.decisions import TAKE_BACK, VERDICTS, Decision, Decisions
from visavis.flows.duplicates.found import DuplicateReport
from visavis.flows.duplicates.moving import Moved, apply_plan, undo_plan
from visavis.flows.duplicates.plan import Plan, make_plan
from visavis.flows.duplicates.rules import as_rules
from visavis.flows.duplicates.scan import FOLDER, Progress, Scan, ScanOptions
from visavis.flows.query.hints import hint
from visavis.flows.query.terms import as_relation
from visavis.flows.removing import remove
from visavis.images.files import path_text, read_file
from visavis.sources.shelf import Shelf
from visavis.store.base import VectorStore
from visavis.store.capabilities import WithEvidence, has_evidence, local
from visavis.store.open import Writing
from visavis.types import Relation

SCANNED: tuple[Relation, ...] = ("exact", "near_duplicate", "variant")
"""What duplicates may be to one another."""

_IDENTITY = "identity"  # under which name an index keeps what tells it from others


def unheard(stage: str, done: int, total: int) -> None:
    """Where nobody wants to know how far a scan is."""


class Duplicates:
    """Finds duplicates, keeps decisions, and makes and carries out plans.

    ```python
    report = index.duplicates.find()
    plan = index.duplicates.plan(report, keep=["largest", "oldest"])
    plan.write("plan.json")
    index.duplicates.apply("plan.json")  # and index.duplicates.undo("plan.json")
    ```
    """

    def __init__(
        self,
        store: VectorStore,
        writing: Writing,
        shelf: Callable[[], Shelf | None],
        jobs: int,
        max_pixels: int,
    ) -> None:
        """Made by ImageIndex."""
        self._store = store
        self._shelf = shelf
        self._writing = writing
        self._jobs = jobs
        self._max_pixels = max_pixels

    def find(
        self,
        relation: Relation = "near_duplicate",
        *,
        where: Where = None,
        within: str | None = None,
        read_files: bool = True,
        progress: Progress = unheard,
    ) -> DuplicateReport:
        """All groups of records that show the same picture.

        Args:
            relation: exact, near_duplicate or variant: how much the same.
            where: A filter; the other records are passed over.
            within: A field, or "folder", whose value duplicates have to share.
            read_files: Whether to compare by local features as well, where OpenCV is installed:
                files are read, once for each pair.
            progress: Called with what is done, how many of them, and of how many.

        Raises UsageError for what makes no sense (FilterError).
        """
        if as_relation(relation) not in SCANNED:
            raise UsageError(
                f"duplicates are exact, near_duplicate or variant, not {relation}: what is only "
                "alike is what a search finds"
            )
        if within is not None and within != FOLDER:
            check_field(within, self._store.fields())
        asked = ScanOptions(
            as_filter(where),
            within,
            read_files,
            read_files and relation != "exact",
            self._jobs,
            self._max_pixels,
        )
        report = self._scanned(asked, (relation,), progress)[relation]
        if asked.where is None or report.scanned:
            return report
        passing = f"no record passes the filter {described(asked.where)}"
        return replace(report, notes=(*report.notes, f"{passing}{hint(asked.where, self._store)}"))

    def find_each(
        self, *, jobs: int = 1, keep: bool = True, progress: Progress = unheard
    ) -> dict[Relation, DuplicateReport]:
        """What `find` finds for each of exact, near_duplicate and variant, by one scan.

        Args:
            jobs: Threads that read files.
            keep: Whether what was compared is kept with the index, for the next scan.
            progress: As for `find`; what it raises ends the scan.
        """
        asked = ScanOptions(jobs=jobs, max_pixels=self._max_pixels)
        return self._scanned(asked, SCANNED, progress, keep=keep)

    def _scanned(
        self,
        asked: ScanOptions,
        relations: Sequence[Relation],
        progress: Progress,
        *,
        keep: bool = True,
    ) -> dict[Relation, DuplicateReport]:
        store = self._with_evidence()
        known = ComparedPairs(store)
        scan = Scan(store, asked, Decisions.kept(store).outcome(), known, progress)
        notes: list[str] = []
        try:
            scan.run()
        finally:  # also on Ctrl-C: what was compared is not compared again
            if keep:
                notes = self._keep(known, scan, whole=asked.where is None)
        reports = {relation: scan.report(relation) for relation in relations}
        return {
            name: replace(report, notes=(*report.notes, *notes)) for name, report in reports.items()
        }

    def decide(self, one: str, other: str, verdict: str) -> None:
        """Keep with the index what two images are to one another.

        Args:
            one: A record's id, or the path of a file.
            other: Another one.
            verdict: "better" (the first is the better duplicate), "same", "alternate" (another
                version, to be kept too), "not-related", or "undecided" to take a decision back.

        Raises UsageError for unknown words and images, and for contradictions.
        """
        digests = self._digest(one), self._digest(other)
        if digests[0] == digests[1]:
            raise UsageError(f"{one} and {other} have the same bytes; nothing is to be decided")
        self.decide_contents(*digests, verdict)

    def decide_contents(self, one: str, other: str, verdict: str) -> None:
        """The same for two contents, by their SHA-256 digests (hex)."""
        known = next((word for word in VERDICTS if word == verdict), None)
        if known is None and verdict != TAKE_BACK:
            words = ", ".join((*VERDICTS, TAKE_BACK))
            raise UsageError(f"what two images are is one of {words}, not {verdict!r}")
        with self._writing():
            kept = Decisions.kept(self._store)
            if known is None:
                kept.without(one, other).keep(self._store)
            else:
                kept.with_one(Decision(one, other, known)).keep(self._store)

    def decisions(self) -> Decisions:
        """All that was decided so far."""
        return Decisions.kept(self._store)

    def preview(self, report: DuplicateReport, keep: Sequence[str]) -> Plan:
        """What `plan` makes of a report, to look at: nothing is written, and it applies nowhere."""
        decided = self.decisions().outcome()
        return make_plan(report.groups, as_rules(keep), decided, "", "", self._uploaded())

    def plan(self, report: DuplicateReport, keep: Sequence[str]) -> Plan:
        """Which file of each group to keep, by rules; nothing is moved.

        Args:
            report: What `find` has found.
            keep: largest, best-quality, oldest, newest or path:GLOB; the first that tells counts.
        """
        rules = as_rules(keep)
        place = str(local(self._store, "have files set aside").folder.absolute())
        with self._writing():
            identity = self._identity()
        decided = Decisions.kept(self._store).outcome()
        return make_plan(report.groups, rules, decided, identity, place, self._uploaded())

    def apply(
        self, plan: str | os.PathLike[str], to: str | os.PathLike[str] | None = None
    ) -> Moved:
        """Move the files that a plan sets aside, and forget their records.

        Args:
            plan: The file of a plan that was made from this index.
            to: The folder to move them to; None: a hidden one beside the index.

        Raises UsageError for a plan of another index, or one that cannot be read.
        """
        folder = local(self._store, "have files set aside").folder.absolute()
        place = folder.parent / f".{folder.name}-duplicates" if to is None else Path(to).absolute()
        shelf = self._shelf()
        with self._writing():
            read = Plan.read(plan, self._identity())
            sources = [row.uri for row in self._store.sources() if row.kind == "folder"]
            chosen = to is not None
            moved = apply_plan(read, Path(plan), place, sources, self._uploaded(), chosen=chosen)
            if moved.ids:
                remove(self._store, shelf, moved.ids, None, None, missing_ok=True)
                self._store.settle()
        return moved

    def undo(self, plan: str | os.PathLike[str]) -> Moved:
        """Put all files back that a plan has set aside; index them again to search them."""
        with self._writing():
            return undo_plan(Plan.read(plan, self._identity()), Path(plan))

    def _uploaded(self) -> Callable[[str], bool]:
        """What tells the pictures that lie with the index."""
        shelf = self._shelf()
        return lambda uri: shelf is not None and shelf.uploads.owns(uri)

    def _keep(self, known: ComparedPairs, scan: Scan, *, whole: bool) -> list[str]:
        """Keep what was compared; what is noted where that cannot be."""
        if not known.changed:
            return []
        try:
            with self._writing():
                known.keep(scan.contents() if whole else None)
        except StoreError as error:
            return [f"what was compared could not be kept, and is compared again: {error}"]
        return []

    def _digest(self, named: str) -> str:
        """The SHA-256 digest of a record's content, or of a file's."""
        try:
            return self._store.get(named).sha256
        except RecordNotFoundError:
            if not Path(named).is_file():
                raise UsageError(f"{named}: no record has that id, and no file that path") from None
        return hashlib.sha256(read_file(path_text(named))).hexdigest()

    def _identity(self) -> str:
        """What tells this index from all others, wherever it is moved; needs its lock."""
        kept = self._with_evidence().evidence.noted(_IDENTITY)
        if kept is None:
            kept = uuid.uuid4().hex.encode()
            self._with_evidence().evidence.note(_IDENTITY, kept)
        return kept.decode()

    def _with_evidence(self) -> WithEvidence:
        if has_evidence(self._store):
            return self._store
        raise StoreUnsupportedError(self._store.facts.place, "keep what was found of duplicates")
