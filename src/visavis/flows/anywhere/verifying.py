"""Proposed records held against the picture by their pixels: is it there, and where?

The vectors of windows propose; windows overlap, and only lie around what was found. Correlation
says where it lies to a few pixels, and whether it is the same picture at all: with the signatures
that the store keeps for many, with the files for the best of these.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from threading import Lock

from visavis.flows.anywhere.proposing import ALL, Proposal
from visavis.flows.anywhere.ways import hung
from visavis.flows.relation.judge import WARPED
from visavis.flows.relation.reading import allowed, to_decode
from visavis.matching.correlating_many import STEP, each_placed, placed_in_each
from visavis.matching.correlation import (
    COARSE,
    HOPELESS,
    NOWHERE,
    WHOLE,
    Canvas,
    Place,
    Sought,
    agreement,
    is_there,
    placed,
    refined,
)
from visavis.matching.local import (
    Features,
    LocalCheck,
    around,
    features,
    has_opencv,
    is_same,
    local_check,
    mirrored,
    reached,
)
from visavis.matching.signature import Signature
from visavis.processors import cores
from visavis.store.base import VectorStore
from visavis.store.capabilities import has_evidence
from visavis.store.helping import Helpers, helping
from visavis.store.stopping import go_on
from visavis.types import RGB, Box, ImageRecord

READ = 12
"""Records whose files are read at most, of all that are proposed at one time."""

MISSES, FURTHER_MISSES = 6, 3
"""Of these, so many that turn out not to show the same end it: who asks for what is nowhere must
not make the dearest question. Fewer at windows of the picture, and where it hangs otherwise. On the
pictures of `UNLIKE`, what was there came after three misses at most, and after one by these.
Records without signatures do not count: nothing but vectors has put them in order."""

UNLIKE = 0.75
"""A correlation of signatures below which a file is not read, unless it is among the likeliest few.
Chosen on crops of a ninth and a sixteenth, turned ones, collages and insets of 260 photographs: of
223 places that were right, the least had 0.81; of the others, 57 in 100 have less than this."""

MOST_PIXELS = 100_000_000
"""What all that are read for a question may have together; a JPEG counts an eighth, as it is
decoded smaller. What is beyond is not looked at: a question has a bound."""

_CLOSER = 2 * READ  # by signatures in every second size, these are looked at in the others
_TOGETHER = 16  # signatures that are correlated at a time: as many as stay in a core's cache
_IN_TURN = 3  # files between two looks at whether there is more to be found
_LARGE = 4_000_000  # pixels to decode: of larger pictures, one is decoded at a time
_KEPT = 16_000_000  # bytes of pixels that are kept for a look at local features

Read = Callable[[ImageRecord], RGB | None]


@dataclass(frozen=True, slots=True)
class Finding:
    """A proposal, and what the pixels say of it."""

    proposal: Proposal
    place: Place = NOWHERE
    """Of the picture in the record, or of the record in the picture where a part is asked for."""
    form: float = 0.0
    recoloured: bool = False
    looked: bool = False
    """Whether the record's picture was read."""
    laid: LocalCheck | None = None
    """How local features lay the picture over the record: turned, mirrored, or with other edits."""

    @property
    def verified(self) -> bool:
        """Whether what was found shows the same.

        Not of pictures that lie on one another as wholes: what those are is told by comparing
        wholes, more exactly than by correlation, which many products of one shape have.
        """
        if self.laid is not None:
            return True
        part = self.place.area < WHOLE
        return part and self.looked and is_there(self.place, self.form)

    @property
    def missed(self) -> bool:
        """Whether a file was read in vain; a copy's is read only to learn where it lies."""
        return self.looked and not self.verified and not self.proposal.copy

    @property
    def strength(self) -> float:
        """By what findings are ordered: how much the pixels agree, or else the vectors."""
        return self.place.score + self.form if self.looked else self.proposal.score - 1

    @property
    def box(self) -> Box:
        """Where it is in the record: exactly, or only around there."""
        if self.laid is not None:
            return around(self.laid.corners)
        at_place = self.looked and self.proposal.in_record
        return self.place.box if at_place else self.proposal.box

    @property
    def query_box(self) -> Box | None:
        """Where it is in the picture that was asked with; None: it is all of it."""
        if self.laid is not None:
            part = reached(self.laid.corners)
            return None if part == ALL or self.laid.mirrored else part
        if self.proposal.in_record:
            return None
        return self.place.box if self.looked else self.proposal.query_box


class Looking:
    """Looks for one picture in others, and for others in it, for one question."""

    def __init__(
        self, picture: RGB, store: VectorStore, read: Read, compared: Collection[str] = ()
    ) -> None:
        """`compared` are ids of records whose local features are known not to be the picture's."""
        self._compared = compared
        self._picture = picture
        self._store = store
        self._read = read
        self._sought: dict[tuple[int, int], Sought] = {}
        self._left = allowed(MOST_PIXELS)
        self._signed: set[Proposal] = set()
        self._one_large = Lock()
        self._pixels: dict[str, RGB] = {}

    def found(self, proposals: Sequence[Proposal]) -> list[Finding]:
        """What pixels say of proposals: those that agree first, and each record once."""
        for side in (COARSE, 0):
            for way in {one.way for one in proposals}:
                pixels = hung(self._picture, way)
                self._sought[side, way] = Sought(pixels, COARSE) if side else Sought(pixels)
        with helping(cores(), "visavis-anywhere") as helpers:
            best = self._likeliest(proposals, helpers)
            found = self._read_in_turn(best, helpers)
        found = self._laid_over(found)
        read = {one.proposal for one in found}
        found += [Finding(one) for one in proposals if one not in read]
        return in_order(found)

    def _likeliest(self, proposals: Sequence[Proposal], helpers: Helpers) -> list[Proposal]:
        """Those worth reading, by signatures and vectors, as far as they can be afforded."""
        known = self._signatures(proposals)
        self._signed |= known.keys()
        sparse = self._sparsely_placed([one for one in proposals if one in known], known, helpers)
        scores = {one: one.score for one in proposals}
        scores |= {one: one.score + place.score for one, place in sparse.items()}
        order = sorted(scores, key=lambda one: (not one.copy, -scores[one]))[:_CLOSER]
        near = [one for one in order if one in sparse]
        places = list(helpers.map(lambda one: self._coarse(one, known[one], sparse[one]), near))
        scores |= {one: one.score + place.score for one, place in zip(near, places, strict=True)}
        unlike = {one for one, at in zip(near, places, strict=True) if at.score < UNLIKE}
        order.sort(key=lambda one: (not one.copy, -scores[one]))
        warped = self._comparable(order)[:WARPED]
        likeliest = {*order[:_IN_TURN], *warped}
        worth = [one for one in order if one.copy or one not in unlike or one in likeliest]
        return worth[:READ]

    def _comparable(self, proposals: Iterable[Proposal]) -> list[Proposal]:
        """Those that local features may lay the picture over, though it is turned a little."""
        if not has_opencv():
            return []
        upright = [one for one in proposals if one.in_record and not one.way and not one.copy]
        return [one for one in upright if one.record.id not in self._compared]

    def _affordable(self, proposals: Iterable[Proposal]) -> list[Proposal]:
        """The proposals that may be read; one that is too large keeps no other away."""
        kept = list[Proposal]()
        for one in proposals:
            cost = to_decode(one.record)
            if cost <= self._left:
                self._left -= cost
                kept.append(one)
        return kept

    def _signatures(self, proposals: Sequence[Proposal]) -> dict[Proposal, Signature]:
        if not has_evidence(self._store):
            return {}
        kept = self._store.evidence.signatures(list({one.record.sha256 for one in proposals}))
        known = {digest: Signature.unpacked(data) for digest, data in kept.items()}
        return {one: known[one.record.sha256] for one in proposals if one.record.sha256 in known}

    def _sparsely_placed(
        self,
        proposals: Sequence[Proposal],
        known: Mapping[Proposal, Signature],
        helpers: Helpers,
    ) -> dict[Proposal, Place]:
        """Where they lie by their signatures, in every second size, many at a time."""
        alike: dict[tuple[bool, int], list[Proposal]] = {}
        for one in proposals:
            alike.setdefault((one.in_record, one.way), []).append(one)
        together = [
            group[at : at + _TOGETHER]
            for group in alike.values()
            for at in range(0, len(group), _TOGETHER)
        ]

        def places(group: Sequence[Proposal]) -> list[Place]:
            if group[0].in_record:
                canvases = [_canvas(one, known[one]) for one in group]
                return placed_in_each(self._sought[COARSE, group[0].way], canvases)
            return each_placed([_sought(one, known[one]) for one in group], self._small)

        found: dict[Proposal, Place] = {}
        for group, those in zip(together, helpers.map(places, together), strict=True):
            found |= zip(group, those, strict=True)
        return found

    def _read_in_turn(self, best: Sequence[Proposal], helpers: Helpers) -> list[Finding]:
        """Findings of the first, until some are found and the next few are not."""
        by_parts = any(one.in_record and not one.way for one in best)
        most = MISSES if by_parts else FURTHER_MISSES
        found: list[Finding] = []
        for at in range(0, len(best), _IN_TURN):
            turn = self._affordable(best[at : at + _IN_TURN])
            those = list(helpers.map(self._looked, turn))
            over = _any_verified(found) and not _any_verified(those)
            found += those
            missed = [one for one in found if one.missed and one.proposal in self._signed]
            if over or len(missed) >= most:
                break
        return found

    def _laid_over(self, found: Sequence[Finding]) -> list[Finding]:
        """The same, with what local features find where pixels alone do not agree.

        Copies of the whole are asked for their place; others where nothing was found so far.
        """
        if not has_opencv():
            return list(found)
        found = sorted(found, key=lambda one: -one.strength)
        nothing = not any(one.verified for one in found)
        likely = [one for one in found if one.proposal.in_record][: WARPED * nothing]
        first = [one for one in likely if one.proposal.record.id not in self._compared]
        return [
            self._by_features(one)
            if one.looked and not one.verified and (one.proposal.copy or one in first)
            else one
            for one in found
        ]

    def _by_features(self, one: Finding) -> Finding:
        if not one.proposal.in_record or one.proposal.way:
            return one
        go_on()
        record = one.proposal.record
        pixels = self._pixels.get(record.id)
        pixels = self._read(record) if pixels is None else pixels
        if pixels is None:
            return one
        other = features(pixels)
        for mine, flipped in ((self._own, False), (self._mirrored, True)):
            check = local_check(mine, other, flipped)
            if is_same(check) and check.corners:
                return replace(one, laid=check)
        return one

    @cached_property
    def _own(self) -> Features:
        return features(self._picture)

    @cached_property
    def _mirrored(self) -> Features:
        return mirrored(self._own)

    def _coarse(self, one: Proposal, known: Signature, sparse: Place) -> Place:
        """Where it lies by its signature, in the sizes around what `sparse` says."""
        if sparse.size == 0:
            return sparse
        sizes = [sparse.size * STEP**by for by in (-1, 0, 1)]
        if one.in_record:
            return placed(self._sought[COARSE, one.way], _canvas(one, known), sizes)
        return placed(_sought(one, known), self._small, sizes)

    def _looked(self, one: Proposal) -> Finding:
        """On a worker thread."""
        large = to_decode(one.record) > _LARGE
        with self._one_large if large else nullcontext():
            pixels = self._read(one.record)
        if pixels is None:
            return Finding(one)
        if self._comparable([one]):
            self._keep(one.record.id, pixels)
        if one.in_record:
            mine, other = hung(self._picture, one.way), pixels
            place = placed(self._sought[0, one.way], Canvas.of(pixels))
        else:
            mine, other = pixels, self._picture
            place = placed(Sought(pixels), self._large)
        if place.score < HOPELESS:
            return Finding(one, place, looked=True)
        place = refined(mine, other, place)
        return Finding(one, place, *agreement(mine, other, place), looked=True)

    def _keep(self, id: str, pixels: RGB) -> None:
        """Spare reading a file again, as far as there is room."""
        if sum(one.nbytes for one in list(self._pixels.values())) + pixels.nbytes <= _KEPT:
            self._pixels[id] = pixels

    @cached_property
    def _small(self) -> Canvas:
        return Canvas.of(self._picture, COARSE)

    @cached_property
    def _large(self) -> Canvas:
        return Canvas.of(self._picture)


def in_order(found: Iterable[Finding]) -> list[Finding]:
    """Those that agree first, and each record once."""
    once: dict[str, Finding] = {}
    for one in sorted(found, key=lambda one: (not one.verified, -one.strength)):
        once.setdefault(one.proposal.record.id, one)
    return list(once.values())


def _any_verified(found: Sequence[Finding]) -> bool:
    return any(one.verified for one in found)


def _canvas(one: Proposal, known: Signature) -> Canvas:
    return Canvas.of_signature(known, (one.record.height, one.record.width))


def _sought(one: Proposal, known: Signature) -> Sought:
    return Sought.of_signature(known, (one.record.height, one.record.width))
