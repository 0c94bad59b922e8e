"""What a record is called: the field of its catalogue that is a title.

Told by the name of the field (`productDisplayName`, `label_de`, `Titel`) together with what stands
in it, and by that alone where no name says so: a text for people, short, and another one nearly
each time. One catalogue has one title; an index of several has one for each.
"""

import statistics
from collections.abc import Collection, Sequence
from itertools import islice

from visavis.store.base import VectorStore
from visavis.store.capabilities import has_facets
from visavis.store.text.own import is_text, parted
from visavis.types import Fields

_EXACT = ("title", "name", "caption", "headline")
_WORDS = {*_EXACT, "heading", "label", "subject"}
_WORDS |= {"titel", "bezeichnung", "titre", "nom", "titulo", "título", "nombre", "titolo", "nome"}
_WORDS |= {
    "naam",
    "nazwa",
    "tytuł",
    "namn",
    "navn",
    "název",
    "название",
    "имя",
    "标题",
    "名称",
    "商品名",
}
_OTHERS = {"file", "brand", "category", "folder", "author", "artist", "user", "colour", "color"}
_DIFFER = 0.5  # of a field that is called a title
_NEARLY_ALL = 0.8  # of any other
_SAMPLED = 200
_LONGEST = 120  # characters of half of them; more is a description


def titles_in(store: VectorStore, hidden: Collection[str] = ()) -> tuple[str, ...]:
    """The `title_fields` of a store's records, by a sample of them; `hidden` ones are none."""
    if has_facets(store):
        sample = store.browse.sample(_SAMPLED, seed=0)
    else:
        sample = list(islice(store.records(), _SAMPLED))
    return title_fields(
        [
            {name: value for name, value in record.fields.items() if name not in hidden}
            for record in sample
        ]
    )


def title_fields(sample: Sequence[Fields]) -> tuple[str, ...]:
    """The fields that may be a record's title, likeliest first; a record's is the first it has.

    >>> title_fields([{"id": n, "productName": f"Mug {n}", "colour": "red"} for n in range(9)])
    ('productName',)
    """
    values: dict[str, list[str]] = {}
    for fields in sample:
        for name, value in fields.items():
            if isinstance(value, str) and value.strip():
                values.setdefault(name, []).append(value)
    ranked = [(rank, name) for name, some in values.items() if (rank := _rank(name, some))]
    return tuple(name for _, name in sorted(ranked, key=lambda one: one[0]))


def _rank(name: str, values: Sequence[str]) -> tuple[float, ...] | None:
    """Lower is better, alike in the catalogue's order; None: no title."""
    texts = [value for value in values if is_text(value)]
    if 2 * len(texts) < len(values) or statistics.median(map(len, texts)) > _LONGEST:
        return (4,) if name.casefold() in _EXACT and texts else None
    differ = len(set(texts)) / len(texts)
    words = sum(len(text.split()) for text in texts) / len(texts)
    if _named(name) and differ >= _DIFFER:
        exact = _EXACT.index(name.casefold()) if name.casefold() in _EXACT else len(_EXACT)
        return 1, exact, -differ
    if differ >= _NEARLY_ALL and words >= 2 and len(texts) > 2:
        return (2,)
    return (3,) if name.casefold() in _EXACT else None


def _named(name: str) -> bool:
    """Whether the last word of a field's name, but for a language, says that it is a title."""
    words = parted(name).casefold().split()
    if len(words) > 1 and len(words[-1]) == 2:
        words.pop()
    return bool(words) and words[-1] in _WORDS and not _OTHERS.intersection(words[:-1])
