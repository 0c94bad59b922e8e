"""A reverse image search engine that you own.

```python
from visavis import ImageIndex

with ImageIndex.create("photos.index") as index:
    index.add("photos")
    for match in index.search("query.jpg").matches:
        print(match.score, match.record.uri)
```
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from visavis.embedders.adding.conse import make_conse
    from visavis.embedders.base import Embedder, TextEmbedder
    from visavis.embedders.registry import load_embedder
    from visavis.errors import VisavisError
    from visavis.exchange.importing import import_vectors
    from visavis.image_index import ImageIndex
    from visavis.types import (
        ClassTerm,
        Failure,
        Filter,
        ImageRecord,
        ImageTerm,
        IndexReport,
        Match,
        Query,
        RecordTerm,
        SearchResult,
        Tag,
        TextTerm,
        VectorTerm,
    )

__version__ = "0.1.0"

__all__ = [
    "ClassTerm",
    "Embedder",
    "Failure",
    "Filter",
    "ImageIndex",
    "ImageRecord",
    "ImageTerm",
    "IndexReport",
    "Match",
    "Query",
    "RecordTerm",
    "SearchResult",
    "Tag",
    "TextEmbedder",
    "TextTerm",
    "VectorTerm",
    "VisavisError",
    "import_vectors",
    "load_embedder",
    "make_conse",
]

_HOMES = {
    "ImageIndex": "visavis.image_index",
    "import_vectors": "visavis.exchange.importing",
    "load_embedder": "visavis.embedders.registry",
    "make_conse": "visavis.embedders.adding.conse",
    "Embedder": "visavis.embedders.base",
    "TextEmbedder": "visavis.embedders.base",
    "VisavisError": "visavis.errors",
}


def __getattr__(name: str) -> Any:
    # Imported at the first use: `visavis --help` must not wait for numpy and Pillow.
    if name in __all__:
        found = getattr(import_module(_HOMES.get(name, "visavis.types")), name)
        if name in ("ImageIndex", "SearchResult"):
            result = import_module("visavis.types").SearchResult
            result.as_html, result.as_arrow = _as_html, _as_arrow
        return found
    raise AttributeError(f"module 'visavis' has no attribute {name!r}")


def _as_html(result: "SearchResult") -> str:
    """What notebooks show of a result; here, since pages stand above all that makes results."""
    return str(import_module("visavis.pages.notebook").result_html(result))


def _as_arrow(result: "SearchResult") -> Any:
    """A table of a result."""
    return import_module("visavis.exchange.arrow").result_table(result)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
