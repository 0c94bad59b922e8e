"""Comparisons that had to read files, kept with the index: a second scan reads none again."""

from collections.abc import Iterable

import numpy as np

from visavis.store.capabilities import WithEvidence

_NOTE = "compared pairs"
_VERSION = b"2\n"  # another one when local features or the comparison of pixels change
_KEY = 16  # bytes of a digest, as signatures have it
_ROW = 2 * _KEY + 2

Kind = str
"""p: are all pixels the same? f: do local features lay one over the other?"""


class ComparedPairs:
    """What earlier scans have found out about pairs of contents."""

    def __init__(self, store: WithEvidence) -> None:
        self._store = store
        self._known: dict[bytes, bool] = {}
        data = store.evidence.noted(_NOTE) or b""
        if data.startswith(_VERSION):
            rows = np.frombuffer(data, np.uint8, offset=len(_VERSION)).reshape(-1, _ROW)
            self._known = {row[:-1].tobytes(): bool(row[-1]) for row in rows}
        self.changed = False

    def get(self, kind: Kind, one: str, other: str) -> bool | None:
        """What was found out about two digests; None: nothing yet."""
        return self._known.get(_key(kind, one, other))

    def put(self, kind: Kind, one: str, other: str, same: bool) -> None:
        """Note what was found out."""
        self._known[_key(kind, one, other)] = same
        self.changed = True

    def keep(self, there: Iterable[str] | None) -> None:
        """Keep it with the index, of contents that are `there` (None: of all); needs its lock."""
        if there is not None:
            held = {bytes.fromhex(digest)[:_KEY] for digest in there}
            self._known = {
                key: same
                for key, same in self._known.items()
                if key[:_KEY] in held and key[_KEY : 2 * _KEY] in held
            }
        rows = b"".join(key + bytes([same]) for key, same in self._known.items())
        self._store.evidence.note(_NOTE, _VERSION + rows)
        self.changed = False


def _key(kind: Kind, one: str, other: str) -> bytes:
    first, second = sorted((one, other))
    ends = bytes.fromhex(first)[:_KEY] + bytes.fromhex(second)[:_KEY]
    return ends + kind.encode("ascii")
