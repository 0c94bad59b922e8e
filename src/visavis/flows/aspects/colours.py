"""The colours of records' subjects, kept as an aspect beside the vectors.

They are read off the signatures that pictures are compared by, so that no file is read for them,
and an index that an older version made gets them with its next run.
"""

from visavis.matching.colour.palette import BYTES, palette
from visavis.matching.signature import Signature
from visavis.store.aspects import AspectFacts, WithAspects, has_aspects
from visavis.store.base import VectorStore
from visavis.store.capabilities import EvidenceKeeping, has_evidence

ASPECT = "colours"
_MADE_BY = "1"  # to be raised with every change of what comes out
_UNKNOWN = bytes(BYTES)  # of a record without a signature: no colour at all


def keep_colours(store: VectorStore) -> None:
    """Keep the colours of all records that have none yet; needs the index's lock."""
    evidence = store.evidence if has_evidence(store) else None
    if evidence is not None and has_aspects(store):
        _keep(store, evidence)


def _keep(store: WithAspects, evidence: EvidenceKeeping) -> None:
    store.aspects.begin(ASPECT, BYTES, _MADE_BY)
    for records in store.aspects.lacking(ASPECT):
        signed = evidence.signatures([record.sha256 for record in records])
        made = {
            digest: palette(Signature.unpacked(data)).packed() for digest, data in signed.items()
        }
        values = {record.id: made.get(record.sha256, _UNKNOWN) for record in records}
        store.aspects.put(ASPECT, values)


def colours_kept(store: WithAspects) -> bool:
    """Whether the store has kept colours since its last run."""
    facts = store.aspects.kept().get(ASPECT)
    return facts == AspectFacts(BYTES, _MADE_BY)
