"""What a filter that nothing passes may have meant."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from brute import some_record

from visavis.filters import parse_all
from visavis.flows.query.hints import hint
from visavis.store.base import ModelFacts
from visavis.store.sqlite.store import SqliteStore
from visavis.types import Fields

SHOP: list[Fields] = [
    {"category": "mug", "colour": "Crème", "price": 5, "day": "May 5, 2024"},
    {"category": "lamp", "colour": "red, white", "price": 9, "day": "June 6, 2024"},
    {"category": "shoes", "colour": "blue", "price": 12, "when": "2024-05-05"},
    {"tags": '["tea","for two"]'},
    {"tags": "dog; cat"},
]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore.create(tmp_path / "i", ModelFacts("fake", "fake", "f", len(SHOP)))
    source = opened.source("catalogue", "/shop/all.csv").number
    records = [some_record(str(at), fields) for at, fields in enumerate(SHOP)]
    opened.upsert(source, records, np.eye(len(SHOP), dtype=np.float32))
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("expressions", "told"),
    [
        (["category=Mug"], "; did you mean category=mug?"),
        (["category=shoe"], "; did you mean category=shoes?"),
        (["category='mug'"], "; did you mean category=mug?"),
        (["category=mug|lamp"], "; did you mean category=mug,lamp?"),
        (["category=mug;boat"], "; did you mean category=mug?"),
        (["category=mu*"], "; * has no meaning of its own: category~mu finds parts"),
        (["colour=creme"], "; did you mean colour=Crème?"),
        (['colour="red,white"'], '; did you mean colour="red, white"?'),
        (["day>2024-01-01"], "; no day is a date such as 2024-05-31"),
        (["day=2024-01..2024-06"], "; no day is a date such as 2024-05-31"),
        (["day=2024-05-05"], "; no day is a date such as 2024-05-31"),
        (["day=2024-05,2024-06"], "; no day is a date such as 2024-05-31"),
        (['day="2024-05"'], ""),
        (["price<50", "category=Lamp"], "; did you mean category=lamp?"),
        (["colour=white"], "; colour~white finds it in longer values, such as 'red, white'"),
        (["tags=Tea"], "; did you mean tags=tea?"),
        (["tags=two"], "; tags~two finds it in longer values, such as 'for two'"),
        (["tags=Cat"], "; tags~Cat finds it in longer values, such as 'dog; cat'"),
        (["category=boat,Mug"], "; did you mean category=mug?"),
        (["category=boat,car,bus,Mug"], ""),  # the first three: a question may have hundreds
        (["tags=ca"], ""),
        (['tags=""'], ""),
        (["category=boat"], ""),
        (["category=***"], ""),
        (["category~Boat"], ""),
        (["category=mug", "price>10"], ""),  # both have records, together none
        (["price>100"], ""),
        (["when>2025-01-01"], ""),
        (['day>"2024-01-01"', "category=mug"], ""),
    ],
)
def test_the_nearest_value_is_suggested(
    store: SqliteStore, expressions: list[str], told: str
) -> None:
    where = parse_all(expressions)
    assert where is not None
    assert hint(where, store) == told
