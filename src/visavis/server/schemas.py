"""The shapes of the HTTP API: everything that goes in, and everything that comes out."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, RootModel, model_validator

MOST = 500
"""Results or records in one answer."""

MOST_ID = 1000
MOST_TERMS = 8  # pictures of a hundred megapixels take more than a second each
"""Letters in the id of a record that is added over HTTP."""

FARTHEST = 10_000_000
"""The largest offset."""

Number = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Limit = Annotated[int, Field(ge=0, le=MOST)]
Offset = Annotated[int, Field(ge=0, le=FARTHEST)]
Where = Annotated[
    list[Annotated[str, Field(max_length=1000)]],
    Field(
        max_length=50,
        description="Filters that all have to hold: FIELD=VALUE, or one of != < <= > >= ~ for =.",
        examples=[["category=shoes", "price<50"]],
    ),
]
FieldValues = dict[
    Annotated[str, Field(min_length=1, max_length=200)],
    bool | int | Number | Annotated[str, Field(max_length=100_000)],
]


class _Strict(BaseModel):
    """Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


# -- in ------------------------------------------------------------------------------------------


class _Typed(_Strict):
    """Bodies also have types: "5" is no number, and 1 is not true."""

    model_config = ConfigDict(strict=True)


class TermIn(_Typed):
    """One thing to look like: exactly one of image, upload, url, id and text."""

    image: Annotated[str | None, Field(description="The bytes of an image file in base64.")] = None
    upload: Annotated[
        int | None, Field(ge=0, description="Which part `image` of a multipart body.")
    ] = None
    url: Annotated[
        str | None,
        Field(max_length=4000, description="An http(s) address; only where the server allows it."),
    ] = None
    id: Annotated[str | None, Field(max_length=4000, description="A record of the index.")] = None
    text: Annotated[
        str | None,
        Field(min_length=1, max_length=1000, description="Words, where the model reads them."),
    ] = None
    weight: Annotated[
        float,
        Field(ge=-1000, le=1000, description="Negative: less like this.", allow_inf_nan=False),
    ] = 1.0
    box: Annotated[
        tuple[Share, Share, Share, Share] | None,
        Field(
            description="The part of a picture to look for: left, top, right, bottom, as fractions."
        ),
    ] = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        pictures = (self.image, self.upload, self.url)
        given = sum(value is not None for value in (*pictures, self.id, self.text))
        if given != 1:
            raise ValueError(f"a term has exactly one of image, upload, url, id, text, not {given}")
        if self.box is not None and all(value is None for value in pictures):
            raise ValueError("a box needs a picture to be a part of")
        return self


class SearchIn(_Typed):
    """A query: the weighted sum of its terms."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"terms": [{"id": "sneaker-01-front"}], "limit": 5},
                {
                    "terms": [{"text": "red shoe"}, {"id": "mug-01-front", "weight": -0.5}],
                    "where": ["price<50"],
                    "min_score": 0.5,
                },
            ]
        },
    )

    terms: list[TermIn] = Field(default_factory=list, max_length=MOST_TERMS)
    where: Where = Field(default_factory=list)
    limit: Limit = 10
    offset: Offset = 0
    min_score: Annotated[
        Number | None, Field(description="Leave out matches below this, -1…1.")
    ] = None
    count: Annotated[bool, Field(description="Also tell how many records reach min_score.")] = False


class PageParams(_Strict):
    """A page of records."""

    limit: Limit = 60
    offset: Offset = 0
    where: Where = Field(default_factory=list)


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
    min_score: Number | None = None
    count: bool = False


class WhereParams(_Strict):
    """Which records."""

    where: Where = Field(default_factory=list)


class ThumbnailParams(_Strict):
    """How large."""

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


class AddressIn(_Typed):
    """One line of a list of addresses to add."""

    url: str = Field(max_length=4000, pattern=r"^(?i:https?)://")
    id: Annotated[str | None, Field(min_length=1, max_length=MOST_ID)] = None
    fields: FieldValues = Field(default_factory=dict, max_length=200)


class FieldsIn(RootModel[Annotated[FieldValues, Field(max_length=200)]]):
    """The part `fields` of an upload."""

    model_config = ConfigDict(strict=True)


# -- out -----------------------------------------------------------------------------------------


class RecordOut(BaseModel):
    """One image of the index."""

    id: str = Field(examples=["sneaker-01-front"])
    uri: str = Field(description="Its address when it has one, else where its file is served.")
    fields: dict[str, Any] = Field(examples=[{"category": "shoes", "price": 49.5}])
    width: int
    height: int
    size: int = Field(description="Bytes.")
    modified: float = Field(description="Seconds since the epoch.")
    thumbnail: str = Field(examples=["/v1/images/sneaker-01-front/thumbnail"])
    file: str = Field(examples=["/v1/images/sneaker-01-front/file"])


class MatchOut(RecordOut):
    """One answer."""

    score: float = Field(description="Cosine similarity, -1…1; higher is closer.")


class SearchOut(BaseModel):
    """The answer to a query, best matches first."""

    results: list[MatchOut]
    total_searched: int = Field(description="Records that pass the filter.")
    model: str
    took_ms: float
    reason: Annotated[
        str | None, Field(description="Why there are no results; absent otherwise.")
    ] = None
    notes: Annotated[
        list[str] | None,
        Field(description="What of the words was passed over, as it is unknown to the model."),
    ] = None
    total_matching: Annotated[
        int | None,
        Field(description="How many records reach min_score; only when asked for with count."),
    ] = None


class PageOut(BaseModel):
    """A page of records, in the order they were added."""

    images: list[RecordOut]
    total: int


class RandomOut(BaseModel):
    """Records picked by chance."""

    images: list[RecordOut]


class ValueOut(BaseModel):
    """A value of a field, and how many records have it."""

    value: Any
    count: int


class FieldOut(BaseModel):
    """A field of the records."""

    name: str
    type: str = Field(description="text, number or mixed")
    count: int
    distinct: int
    values: Annotated[
        list[ValueOut] | None, Field(description="The commonest; absent when nearly all differ.")
    ] = None
    min: float | None = None
    max: float | None = None


class FieldsOut(BaseModel):
    """The fields that filters can use."""

    fields: list[FieldOut]


class InfoOut(BaseModel):
    """What this server serves, and what it allows."""

    name: str
    version: str
    records: int
    model: str
    dim: int
    text: bool = Field(description="Whether the model reads words.")
    read_only: bool
    allow_urls: bool
    max_upload_bytes: int
    max_pixels: int
    fields: int


class FailureOut(BaseModel):
    """A picture that was not taken in."""

    uri: str
    reason: str


class AddedOut(BaseModel):
    """What adding did."""

    added: int
    unchanged: int
    moved: int
    removed: int
    tagged: int = Field(description="Of these, records that were given tags.")
    failed: list[FailureOut]
    notes: list[str]
    seconds: float
    ids: list[str] = Field(description="Of the records that are in the index now.")


class RemovedOut(BaseModel):
    """How many records are gone."""

    removed: int


class StateOut(BaseModel):
    """How the server is."""

    status: str


class ErrorBody(BaseModel):
    """What went wrong."""

    type: str = Field(examples=["FilterError"])
    message: str
    status: int = Field(examples=[422])


class ErrorOut(BaseModel):
    """The shape of every error."""

    error: ErrorBody
