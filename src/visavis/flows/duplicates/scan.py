"""Looks for duplicates: nearest neighbours from the index, compared as pictures.

Byte twins are found by their digests. Of everything else the index proposes the NEAREST records of
each, many questions at once, and their layouts propose some more (`by_layout`). A pair is a
duplicate only when the pictures themselves say so: by the signatures that are kept
(`visavis.matching.pixel_check`), or by local features laid over one another
(`visavis.matching.local`), which read files, once.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import combinations
from pathlib import PurePath

import numpy as np

from visavis.flows.ahead import ahead
from visavis.flows.duplicates.by_layout import by_layout
from visavis.flows.duplicates.compared import ComparedPairs
from visavis.flows.duplicates.decisions import Outcome
from visavis.flows.duplicates.found import Content, DuplicateGroup, DuplicateReport, Link
from visavis.flows.duplicates.grouping import Cluster, Ends, clusters, components, missing_pairs
from visavis.flows.relation.shown import record_pixels
from visavis.matching.local import SIDE, Features, features, has_opencv, is_same, local_check
from visavis.matching.pixel_check import PixelCheck, pixel_checks
from visavis.matching.signature import Signature
from visavis.store.base import DEPTH, Page, Rows
from visavis.store.capabilities import WithEvidence
from visavis.types import RELATIONS, RGB, Filter, ImageRecord, Relation

NEAREST = 32
"""Records that the index proposes for each."""

LAID_OVER = 1
"""The first of them, that local features are tried on where signatures say nothing."""

_FEATURES_KEPT = 256  # of pictures, 0.6 MB each: neighbours often come one after the other

FOLDER = "folder"
_QUESTIONS = 1_024  # records that are searched for at once
_LIGHT, _COLOUR = 16.0, 3.0  # levels of 256 by which copies that look alike may differ
_SAME_PIXELS = 0.999  # correlation from which on all pixels may be the same

Progress = Callable[[str, int, int], None]
"""Called with what is done ("searched", "matched", …), how many, and of how many."""


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """What is looked for, and how."""

    where: Filter | None = None
    within: str | None = None
    """A field, or "folder": duplicates have to share its value."""
    read_files: bool = True
    """Whether files may be read, of pairs that nothing is known of yet."""
    features: bool = True
    """Whether pairs on which signatures say nothing are compared by local features."""
    jobs: int = 1
    max_pixels: int = 0


@dataclass(slots=True)
class _Seen:
    """What a scan knows so far."""

    records: dict[Content, list[ImageRecord]] = field(default_factory=dict)
    links: dict[Ends, Link] = field(default_factory=dict)
    compared: set[Ends] = field(default_factory=set)
    undecided: set[Ends] = field(default_factory=set)
    """Nearest pairs, of which local features decide those that signatures leave open."""
    unsigned: set[Content] = field(default_factory=set)
    """What an older version has indexed: it is without a signature."""
    read: int = 0
    scanned: int = 0
    seconds: float = 0.0


class Scan:
    """One scan of an index."""

    def __init__(
        self,
        store: WithEvidence,
        options: ScanOptions,
        decided: Outcome,
        known: ComparedPairs,
        progress: Progress,
    ) -> None:
        self._store = store
        self._options = options
        self._decided = decided
        self._known = known
        self._progress = progress
        self._seen = _Seen()
        self._features = lru_cache(_FEATURES_KEPT)(self._features_of)
        self._total = store.count(options.where)

    def run(self) -> None:
        """Look at everything; files are read only where nothing is known of a pair yet."""
        started = time.monotonic()
        for block in self._blocks():
            self._take(block)
            self._seen.scanned += len(block.records)
            self._progress("searched", self._seen.scanned, self._total)
        for proposals in by_layout(list(self._seen.records), self._signatures, self._progress):
            self._compare(proposals, nearest=False)
        self._forget_gone()
        self._add_decisions()
        self._lay_over()
        self._complete()
        self._compare_pixels()
        self._seen.seconds = time.monotonic() - started

    def report(self, relation: Relation) -> DuplicateReport:
        """What was found; pairs that are less than the relation are left out."""
        seen = self._seen
        return DuplicateReport(
            tuple(self._groups(relation)),
            seen.scanned,
            len(seen.compared),
            seen.read,
            seen.seconds,
            self._notes(),
        )

    def _notes(self) -> tuple[str, ...]:
        if not (unsigned := len(self._seen.unsigned)):
            return ()
        return (
            f"of {unsigned:,} pictures nothing was kept to compare them by, as they were imported "
            "or indexed by an older version: of these only files with the same bytes are found; "
            "index their files (those of an older version with --refresh), or rebuild the index",
        )

    def contents(self) -> Iterable[str]:
        """The digests of all that was looked at."""
        return (content.sha256 for content in self._seen.records)

    # -- candidates ------------------------------------------------------------------------------

    def _blocks(self) -> Iterator[Rows]:
        for block in self._store.rows(self._options.where):
            for start in range(0, len(block.records), _QUESTIONS):
                part = slice(start, start + _QUESTIONS)
                yield Rows(block.records[part], block.vectors[part])

    def _content(self, record: ImageRecord) -> Content | None:
        """What a record shows; None where it lacks what duplicates have to share."""
        name = self._options.within
        if name is None:
            return Content(record.sha256)
        value = record.fields.get(name)
        if value is None and name == FOLDER:
            value = str(PurePath(record.uri).parent)
        return None if value is None else Content(record.sha256, str(value))

    def _take(self, block: Rows) -> None:
        """Search for a block of records, and compare what is found with them."""
        asked: list[tuple[int, Content]] = []
        for at, record in enumerate(block.records):
            content = self._content(record)
            if content is None:
                continue
            twins = self._seen.records.setdefault(content, [])
            if not twins:
                asked.append((at, content))
            twins.append(record)
        if not asked:
            return
        vectors = block.vectors[[at for at, _ in asked]]
        depth = NEAREST if self._options.within is None else DEPTH - 1
        answers = self._store.search(vectors, Page(depth + 1), self._options.where)
        self._compare(
            [
                (content, self._proposed(content, [match.record for match in answer.matches]))
                for (_, content), answer in zip(asked, answers, strict=True)
            ]
        )

    def _proposed(self, content: Content, records: Sequence[ImageRecord]) -> list[Content]:
        """The other contents among the nearest, each once, nearest first."""
        found: dict[Content, None] = {}
        for record in records:
            other = self._content(record)
            shared = other is not None and other.within == content.within
            if other is not None and shared and other != content:
                found.setdefault(other)
        return list(found)[:NEAREST]

    # -- signatures ------------------------------------------------------------------------------

    def _compare(
        self, proposals: Sequence[tuple[Content, list[Content]]], *, nearest: bool = True
    ) -> None:
        """Compare each with what was proposed for it, by signatures.

        `nearest` says whether the first of these is the one that the index has as the nearest.
        """
        hashes = {content.sha256 for content, _ in proposals}
        hashes |= {other.sha256 for _, others in proposals for other in others}
        signatures = self._signatures(hashes)
        for content, others in proposals:
            open_ = [
                (rank, other)
                for rank, other in enumerate(others)
                if self._decided.between(content.sha256, other.sha256) is None
            ]
            new = [
                other
                for _, other in open_
                if other.sha256 in signatures
                and frozenset((content, other)) not in self._seen.compared
            ]
            checks: dict[Content, PixelCheck] = {}
            if content.sha256 not in signatures:
                self._seen.unsigned.add(content)
            else:
                mine, theirs = signatures[content.sha256], [signatures[one.sha256] for one in new]
                checks = dict(zip(new, pixel_checks(mine, theirs), strict=True))
            for other, check in checks.items():
                plain = check.verdict == "same" and _look_alike(mine, signatures[other.sha256])
                self._told(content, other, check, plain)
            self._seen.undecided.update(
                frozenset((content, other)) for rank, other in open_ if nearest and rank < LAID_OVER
            )

    def _signatures(self, hashes: Iterable[str]) -> dict[str, Signature]:
        kept = self._store.evidence.signatures(list(hashes))
        return {digest: Signature.unpacked(data) for digest, data in kept.items()}

    def _told(self, one: Content, other: Content, check: PixelCheck, plain: bool) -> None:
        ends = frozenset((one, other))
        self._seen.compared.add(ends)
        if check.verdict != "unknown":
            relation: Relation = "near_duplicate" if check.verdict == "same" else "variant"
            self._seen.links[ends] = Link(one, other, relation, "signatures", check.form, plain)

    def _forget_gone(self) -> None:
        """Pass over what was proposed and is no record any more: the index may be written to."""
        seen = self._seen
        seen.links = {ends: it for ends, it in seen.links.items() if ends <= seen.records.keys()}
        seen.undecided = {ends for ends in seen.undecided if ends <= seen.records.keys()}

    def _add_decisions(self) -> None:
        """Link what somebody has decided to be the same."""
        homes: dict[str, list[Content]] = {}
        for content in self._seen.records:
            homes.setdefault(content.sha256, []).append(content)
        for group in self._decided.groups():
            there = [content for digest in group for content in homes.get(digest, ())]
            for one, other in combinations(there, 2):
                if one.within == other.within:
                    link = Link(one, other, "near_duplicate", "decision")
                    self._seen.links[link.ends] = link

    def _complete(self) -> None:
        """Compare the pairs that hang together by way of others."""
        seen = self._seen

        def known(one: Content, other: Content) -> bool:
            ends = frozenset((one, other))
            return ends in seen.compared or ends in seen.links

        pairs: dict[Content, list[Content]] = {}
        for one, other in missing_pairs(list(seen.links.values()), known):
            pairs.setdefault(one, []).append(other)
        self._compare(list(pairs.items()))

    # -- files -----------------------------------------------------------------------------------

    def _lay_over(self) -> None:
        """Compare by local features what signatures left open."""
        if not self._options.features:
            return
        may_read = self._options.read_files and has_opencv()
        open_ = []
        for ends in self._seen.undecided:
            one, other = sorted(ends)
            if ends not in self._seen.links:
                same = self._known.get("f", one.sha256, other.sha256)
                if same is None and may_read:
                    open_.append((one, other))
                elif same:
                    self._seen.links[ends] = Link(one, other, "near_duplicate", "local features")
        done = 0
        for found in ahead(open_, self._laid_over, self._options.jobs, "visavis-compare"):
            for (one, other), same in found:
                done += 1
                if same is None:
                    continue
                self._seen.read += 1
                self._known.put("f", one.sha256, other.sha256, same)
                if same:
                    link = Link(one, other, "near_duplicate", "local features")
                    self._seen.links[link.ends] = link
            self._progress("compared", done, len(open_))

    def _laid_over(
        self, pairs: Sequence[tuple[Content, Content]]
    ) -> list[tuple[tuple[Content, Content], bool | None]]:
        """On a thread: whether one lies on the other; None where a file cannot be read any more."""
        found: list[tuple[tuple[Content, Content], bool | None]] = []
        for one, other in pairs:
            first, second = self._features(one), self._features(other)
            if first is None or second is None:
                found.append(((one, other), None))
            else:
                found.append(((one, other), is_same(local_check(first, second))))
        return found

    def _features_of(self, content: Content) -> Features | None:
        record = self._seen.records[content][0]
        pixels = record_pixels(record, SIDE, self._options.max_pixels)
        return None if pixels is None else features(pixels)

    def _compare_pixels(self) -> None:
        """Tell the links between images whose pixels are all the same: they are exact."""
        alike = [link for link in self._seen.links.values() if self._may_be_exact(link)]
        for done, link in enumerate(alike, 1):
            if self._same_pixels(link):
                self._seen.links[link.ends] = replace(
                    link, relation="exact", by="pixels", strength=1.0, plain=True
                )
            self._progress("checked", done, len(alike))

    def _may_be_exact(self, link: Link) -> bool:
        one, other = (self._seen.records[end][0] for end in (link.one, link.other))
        same_size = (one.height, one.width) == (other.height, other.width)
        return link.by == "signatures" and link.strength >= _SAME_PIXELS and same_size

    def _same_pixels(self, link: Link) -> bool:
        same = self._known.get("p", link.one.sha256, link.other.sha256)
        if same is None and self._options.read_files:
            first, second = (
                self._pixels(self._seen.records[end][0]) for end in (link.one, link.other)
            )
            if first is not None and second is not None:
                same = np.array_equal(first, second)
                self._seen.read += 1
                self._known.put("p", link.one.sha256, link.other.sha256, same)
        return bool(same)

    def _pixels(self, record: ImageRecord) -> RGB | None:
        return record_pixels(record, None, self._options.max_pixels)

    # -- groups ----------------------------------------------------------------------------------

    def _groups(self, relation: Relation) -> Iterator[DuplicateGroup]:
        links = list(self._seen.links.values())
        worst = RELATIONS.index(relation)
        wanted = [link for link in links if RELATIONS.index(link.relation) <= worst]
        apart = {link.ends for link in links if RELATIONS.index(link.relation) > worst}
        apart |= self._decided_apart(wanted)
        linked = [link for link in wanted if link.ends not in apart]
        found = clusters(linked, apart)
        grouped = {content for cluster in found for content in cluster.contents}
        found += [
            Cluster({content}, {content})
            for content, records in self._seen.records.items()
            if len(records) > 1 and content not in grouped
        ]
        groups = [self._group(cluster, linked) for cluster in found]
        groups = [group for group in groups if len(group.records) > 1]
        return iter(sorted(groups, key=lambda group: (-len(group.records), group.records[0].id)))

    def _decided_apart(self, links: Sequence[Link]) -> set[Ends]:
        """Pairs of which somebody has decided that they are not duplicates, among what links."""
        named, verdicts = self._decided.contents(), ("alternate", "not-related")
        return {
            frozenset((one, other))
            for component in components(links)
            for one, other in combinations([one for one in component if one.sha256 in named], 2)
            if self._decided.between(one.sha256, other.sha256) in verdicts
        }

    def _group(self, cluster: Cluster, links: Sequence[Link]) -> DuplicateGroup:
        first = min(cluster.hubs, key=lambda hub: (-self._size(hub), hub))
        order = [
            first,
            *sorted(cluster.contents - {first}, key=lambda one: (-self._size(one), one)),
        ]
        records = [record for content in order for record in self._seen.records[content]]
        inside = [link for link in links if link.ends <= cluster.contents]
        return DuplicateGroup(tuple(records), tuple(inside), tuple(cluster.refused))

    def _size(self, content: Content) -> int:
        record = self._seen.records[content][0]
        return record.width * record.height


def _look_alike(one: Signature, other: Signature) -> bool:
    """Whether two copies differ no more than by their size, compression or sharpness."""
    light = np.abs(one.light - other.light)
    colour = np.abs(one.colour - other.colour)
    return bool(np.percentile(light, 98) <= _LIGHT and colour.mean() <= _COLOUR)
