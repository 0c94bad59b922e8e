"""The shapes of the HTTP API: everything that goes in. What comes out is in answers.py."""

import json
from math import isfinite
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    RootModel,
    model_validator,
)

from visavis.flows.tagging import MOST_TAGS
from visavis.sources.cells import LARGEST
from visavis.types import FALSE_MATCH, By, Relation

MOST = 500
"""Results or records in one answer."""

MOST_ID = 1000
"""Letters in the id of a record that is added over HTTP."""

MOST_TERMS = 8
"""Terms of a query."""

MOST_NAME = 200
"""Letters in the name of a class or a concept."""

FARTHEST = 10_000_000
"""The largest offset."""

Number = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
PartOfPicture = tuple[Share, Share, Share, Share]
Limit = Annotated[int, Field(ge=0, le=MOST)]
Offset = Annotated[int, Field(ge=0, le=FARTHEST)]
Where = Annotated[
    list[Annotated[str, Field(max_length=1000)]],
    Field(
        max_length=20,
        description="Filters that all have to hold: FIELD=VALUE, or one of != < <= > >= ~ for =.",
        examples=[["category=shoes", "price<50"]],
    ),
]
LeastScore = Annotated[
    Number | Literal["auto"] | None,
    Field(description="Leave out matches below this, -1…1; auto: those that are not similar."),
]
LeastRelation = Annotated[
    Relation | None,
    Field(description="Leave out matches that are less than this to the picture."),
]
FalseMatch = Annotated[
    float,
    Field(
        gt=0,
        le=0.5,
        description="Of questions with nothing alike, how many may get a similar match.",
    ),
]
GroupBy = Annotated[
    str | None,
    Field(
        max_length=1000,
        description="A field: only the best match of each of its values, with its `views`.",
        examples=["product"],
    ),
]
Unique = Annotated[bool, Field(description="Copies of a match stand behind it, as `copies`.")]
Anywhere = Annotated[
    bool,
    Field(
        description="Look for one picture in parts of the records' pictures, and for these in "
        "parts of it; matches say where, as `box` and `query_box`."
    ),
]


def _as_in_catalogues(value: int) -> int | str:
    """Whole numbers that no index can hold stay text, wherever they come from."""
    return value if -LARGEST <= value < LARGEST else str(value)


def _list_as_text(value: object) -> object:
    """A list becomes its JSON, as of catalogues: filters look at the items."""
    if not isinstance(value, list):
        return value
    endless = any(isinstance(one, float) and not isfinite(one) for one in value)
    if endless or not all(isinstance(one, str | int | float) for one in value):
        raise ValueError("a list of a field holds texts, numbers, true and false")
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


_Whole = Annotated[int, AfterValidator(_as_in_catalogues)]
_One = bool | _Whole | Number | Annotated[str, Field(max_length=100_000)]
FieldValues = dict[
    Annotated[str, Field(min_length=1, max_length=200)],
    Annotated[_One, BeforeValidator(_list_as_text, json_schema_input_type=_One | list[_One])],
]


class _Strict(BaseModel):
    """Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class _Typed(_Strict):
    """Bodies also have types: "5" is no number, and 1 is not true."""

    model_config = ConfigDict(strict=True)


class TermIn(_Typed):
    """One of image, upload, url, id, text, class, concept and colour: what to look like."""

    image: Annotated[str | None, Field(description="The bytes of an image file in base64.")] = None
    upload: Annotated[
        int | None, Field(ge=0, description="Which part `image` of a multipart body.")
    ] = None
    url: Annotated[
        str | None,
        Field(max_length=4000, description="An http(s) URL; only where the server allows it."),
    ] = None
    id: Annotated[str | None, Field(max_length=4000, description="A record of the index.")] = None
    text: Annotated[
        str | None,
        Field(min_length=1, max_length=1000, description="Words."),
    ] = None
    class_: Annotated[
        str | None,
        Field(
            alias="class",
            min_length=1,
            max_length=MOST_NAME,
            description="A class that the model's classifier knows, see /v1/classes.",
        ),
    ] = None
    concept: Annotated[
        str | None,
        Field(min_length=1, max_length=MOST_NAME, description="A concept, see /v1/concepts."),
    ] = None
    colour: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=MOST_NAME,
            validation_alias=AliasChoices("colour", "color"),
            description="A colour of the subject: a name of CSS or a hex value; also as `color`.",
            examples=["#c01f2a"],
        ),
    ] = None
    aspect: Annotated[
        Literal["looks", "colour"],
        Field(description="Of a picture or record: all that it looks like, or its colours alone."),
    ] = "looks"
    weight: Annotated[
        float,
        Field(ge=-1000, le=1000, description="Negative: less like this.", allow_inf_nan=False),
    ] = 1.0
    box: Annotated[
        PartOfPicture | None,
        Field(
            description="The part of a picture to look for: left, top, right, bottom, as fractions."
        ),
    ] = None

    @property
    def is_picture(self) -> bool:
        """Whether something has to be decoded for it."""
        return any(value is not None for value in (self.image, self.upload, self.url))

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        pictures = (self.image, self.upload, self.url)
        named = (self.id, self.text, self.class_, self.concept, self.colour)
        given = sum(value is not None for value in (*pictures, *named))
        if given != 1:
            raise ValueError(
                "a term has exactly one of image, upload, url, id, text, class, concept, colour, "
                f"not {given}"
            )
        if self.aspect == "colour" and not (self.is_picture or self.id is not None):
            raise ValueError("the aspect colour is of a picture or a record; name a colour instead")
        if self.box is not None and not self.is_picture:
            raise ValueError("a box needs a picture to be a part of")
        return self


class SearchIn(_Typed):
    """A query: its weighted terms."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"terms": [{"id": "sneaker-01-front"}], "limit": 5},
                {
                    "terms": [{"text": "red shoe"}, {"id": "mug-01-front", "weight": -0.5}],
                    "where": ["price<50"],
                    "min_score": 0.5,
                },
                {"terms": [{"id": "mug-01-front"}, {"class": "teapot", "weight": 0.5}]},
                {"terms": [{"text": "coral mug"}], "by": "text"},
                {"terms": [{"id": "mug-01-front"}, {"colour": "#1f4fa0"}]},
            ]
        },
    )

    terms: list[TermIn] = Field(default_factory=list, max_length=MOST_TERMS)
    where: Where = Field(default_factory=list)
    limit: Limit = 10
    offset: Offset = 0
    min_score: LeastScore = None
    relation: LeastRelation = None
    false_match: FalseMatch = FALSE_MATCH
    group_by: GroupBy = None
    unique: Unique = False
    anywhere: Anywhere = False
    count: Annotated[bool, Field(description="Also count the records that reach min_score.")] = (
        False
    )
    by: Annotated[
        By,
        Field(
            description="What answers a query of words alone: the model (looks), the records' own "
            "text (fields, file and folder names, tags), or both rankings fused."
        ),
    ] = "both"


class PictureIn(_Typed):
    """A picture (image, url, or the file of a multipart body) or the id of a record."""

    image: Annotated[str | None, Field(description="The bytes of an image file in base64.")] = None
    url: Annotated[
        str | None,
        Field(max_length=4000, description="An http(s) URL; only where the server allows it."),
    ] = None
    id: Annotated[str | None, Field(max_length=4000, description="A record of the index.")] = None


class SubjectsIn(PictureIn):
    """What to find subjects in: a picture or the id of a record."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"id": "sneaker-01-front"}]})


class TagIn(PictureIn):
    """What to find tags for: a picture or the id of a record."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"id": "sneaker-01-front", "limit": 5}]}
    )

    box: Annotated[
        PartOfPicture | None, Field(description="The part of the picture: as for a search.")
    ] = None
    limit: Annotated[
        int | None,
        Field(
            ge=1,
            le=MOST_TAGS,
            description="How many at most; left out, 3 of a model that gives only tags that are "
            "right often enough, 10 of others.",
        ),
    ] = None


class ExplanationIn(_Typed):
    """A picture (`term`, or the file of a multipart body), and the record to compare it with."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"id": "mug-01-front", "term": {"id": "mug-01-close"}}]}
    )

    id: Annotated[str, Field(max_length=4000, description="The record.")]
    term: Annotated[
        TermIn | None, Field(description="One picture or record; as for a search, without weight.")
    ] = None


class ClassesParams(_Strict):
    """Which names of classes."""

    like: Annotated[
        str,
        Field(
            max_length=MOST_NAME,
            description="Names equal to it, beginning with it, with such a word, or spelled nearly "
            "so, in this order; all without.",
            examples=["cat"],
        ),
    ] = ""
    limit: Limit = 100
    offset: Offset = 0


class PageParams(_Strict):
    """A page of records."""

    limit: Limit = 60
    offset: Offset = 0
    where: Where = Field(default_factory=list)
    sort: Annotated[
        str,
        Field(
            max_length=1000,
            description="A field to order them by, with a minus before it the largest first; those "
            "without it come last. With a filter nearby=…, `nearby` orders by distance. Left out: "
            "in the order they were added.",
            examples=["-price"],
        ),
    ] = ""


class RandomParams(_Strict):
    """Records picked by chance."""

    limit: Limit = 30
    where: Where = Field(default_factory=list)
    seed: Annotated[
        int | None, Field(ge=0, lt=2**63, description="The same seed picks the same records.")
    ] = None


class SimilarParams(_Strict):
    """What looks like a record."""

    limit: Limit = 10
    offset: Offset = 0
    where: Where = Field(default_factory=list)
    min_score: LeastScore = None
    relation: LeastRelation = None
    false_match: FalseMatch = FALSE_MATCH
    group_by: GroupBy = None
    unique: Unique = False
    count: bool = False


class WhereParams(_Strict):
    """Which records."""

    where: Where = Field(default_factory=list)


Version = Annotated[
    str,
    Field(max_length=100, description="Of the picture, as links name it: it may be kept for ever."),
]


class FileParams(_Strict):
    """Of which version."""

    v: Version = ""


class ThumbnailParams(_Strict):
    """How large, and of which version."""

    v: Version = ""

    side: Annotated[
        int,
        Field(
            description="The longer side in pixels: 160, 320 or 640.",
            json_schema_extra={"enum": [160, 320, 640]},
        ),
    ] = 320

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.side not in (160, 320, 640):
            raise ValueError("side is 160, 320 or 640")
        return self


class NoParams(_Strict):
    """No parameters at all."""


class UrlIn(_Typed):
    """One line of a list of URLs to add."""

    url: str = Field(max_length=4000, pattern=r"^(?i:https?)://")
    id: Annotated[str | None, Field(min_length=1, max_length=MOST_ID)] = None
    fields: FieldValues = Field(default_factory=dict, max_length=200)


class FieldsIn(RootModel[Annotated[FieldValues, Field(max_length=200)]]):
    """The part `fields` of an upload."""

    model_config = ConfigDict(strict=True)
