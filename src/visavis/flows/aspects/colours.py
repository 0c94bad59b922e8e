"""The colours of records' subjects, kept as an aspect beside the vectors.

They are read off the signatures that pictures are compared by, so that no file is read for them,
and an index that an older version made gets them with its next run.
"""

from collections.abc import Sequence

from visavis.matching.colour.palette import BYTES, palette
from visavis.matching.signature import Signature
from visavis.store.aspects import AspectFacts, WithAspects, has_aspects
from visavis.store.base import VectorStore
from visavis.store.capabilities import EvidenceKeeping, has_evidence
from visavis.types import ImageRecord

ASPECT = "colours"
_MADE_BY = "1"  # to be raised with every change of what comes out
_TOGETHER = 256  # records
_UNKNOWN = bytes(BYTES)  # of a record without a signature: no colour at all


def keep_colours(store: VectorStore) -> None:
    """Keep the colours of all records that have none yet; needs the index's lock."""
    evidence = store.evidence if has_evidence(store) else None
    if evidence is not None and has_aspects(store):
        _keep(store, evidence)


def _keep(store: WithAspects, evidence: EvidenceKeeping) -> None:
    store.aspects.begin(ASPECT, BYTES, _MADE_BY)
    for records in store.aspects.lacking(ASPECT):
        made = _made(evidence, records)
        values = {record.id: made.get(record.id, _UNKNOWN) for record in records}
        store.aspects.put(ASPECT, values)


def renew_colours(store: VectorStore) -> None:
    """Keep the colours of records that had no signature when they were read off; needs the lock.

    Readers may go on with what they hold of these until the index's vectors are swapped.
    """
    evidence = store.evidence if has_evidence(store) else None
    if evidence is not None and has_aspects(store) and colours_kept(store):
        _renew(store, evidence)


def _renew(store: WithAspects, evidence: EvidenceKeeping) -> None:
    rows = store.aspects.rows(ASPECT)
    unknown = rows.numbers[~rows.values.any(axis=1)]
    for start in range(0, len(unknown), _TOGETHER):
        records = store.aspects.records(unknown[start : start + _TOGETHER])
        store.aspects.put(ASPECT, _made(evidence, list(records.values())))


def _made(evidence: EvidenceKeeping, records: Sequence[ImageRecord]) -> dict[str, bytes]:
    """Colours by record id, of those records that have a signature."""
    signed = evidence.signatures([record.sha256 for record in records])
    made = {digest: palette(Signature.unpacked(data)).packed() for digest, data in signed.items()}
    return {record.id: made[record.sha256] for record in records if record.sha256 in made}


def colours_kept(store: WithAspects) -> bool:
    """Whether the store has kept colours since its last run."""
    facts = store.aspects.kept().get(ASPECT)
    return facts == AspectFacts(BYTES, _MADE_BY)
