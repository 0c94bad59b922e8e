"""From which sizes on vectors are kept and searched in another way."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """The usual ones; an index of a few records can be made to behave like a large one."""

    exact_floats: int = 2**24
    """Up to this many numbers (64 MB) all is in memory, and searched exactly in some 5 ms."""
    pending_floats: int = 2**22
    """New numbers (1 ms a query) after which a run makes the caches again."""
    selective: int = 20_000
    """A filter that keeps fewer records of the base than this is answered exactly (2 ms)."""
