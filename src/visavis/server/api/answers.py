"""The shapes of the HTTP API: everything that comes out."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from visavis.types import Relation


class RecordOut(BaseModel):
    """One image of the index."""

    id: str = Field(examples=["sneaker-01-front"])
    uri: str = Field(description="Its URL when it has one, else where its file is served.")
    fields: dict[str, Any] = Field(examples=[{"category": "shoes", "price": 49.5}])
    width: int
    height: int
    size: int = Field(description="Bytes.")
    modified: float = Field(description="Seconds since the epoch.")
    thumbnail: str = Field(examples=["/v1/images/sneaker-01-front/thumbnail?v=6b51d431df5d7f14"])
    file: str = Field(examples=["/v1/images/sneaker-01-front/file?v=6b51d431df5d7f14"])
    title: str | None = Field(
        default=None,
        description="What people call it: the field that is a title by its name and its values, "
        "or `serve --title`. Absent where there is none.",
        examples=["Canvas sneaker"],
    )


class OneRecordOut(RecordOut):
    """One image of the index, with what `index --tag` found in it."""

    tags: list[str] | None = Field(
        default=None, description="Only where the records were tagged, best first."
    )


class MatchOut(RecordOut):
    """One answer."""

    score: float = Field(
        description="Cosine similarity, -1…1; higher is closer. Where the text alone answers "
        "words: the share of them that it has."
    )
    relation: Relation | None = Field(
        default=None,
        description="Only of pictures: what it is to the one that was asked with.",
    )
    verified: bool | None = Field(
        default=None,
        description="Only of pictures: whether the pictures were compared, not their embeddings "
        "alone.",
    )
    views: int | None = Field(
        default=None,
        description="Only with group_by: how many more records have the same value and pass the "
        "filter.",
    )
    copies: list[str] | None = Field(
        default=None, description="Only with unique: ids of matches that show the same, edited."
    )
    box: list[float] | None = Field(
        default=None,
        description="Only with anywhere: where in this picture that lies which was found; left, "
        "top, right and bottom as fractions. Exact where `verified`, else around there.",
    )
    query_box: list[float] | None = Field(
        default=None,
        description="Only with anywhere: where in the picture asked with it was found, where that "
        "is a part.",
    )
    why: list[str] | None = Field(
        default=None,
        description="Only of words: the fields that have them (also `file name` and `folder`), and "
        "`looks` where the picture fits.",
        examples=[["title", "looks"]],
    )


class ExplainOut(BaseModel):
    """What a record is to a picture, and why."""

    id: str
    relation: Relation
    verified: bool
    score: float
    form: float | None = Field(
        description="How far the outlines agree, whole on whole; -1…1. Null: the record's file is "
        "gone, or larger than this server reads for anyone."
    )
    colour: float | None = Field(
        description="The share of the colour that agrees; null where the outlines do not."
    )
    inliers: int | None = Field(
        description="Points of both that agree on how they lie; null: not compared."
    )
    matched: int | None = Field(description="Points that look alike in both.")
    mirrored: bool
    box: list[float] | None = Field(description="The part of the record that the picture covers.")
    corners: list[list[float]] = Field(
        description="Where the picture's corners lie in the record, as fractions, from the left "
        "top one clockwise; empty where they do not lie on one another."
    )
    took_ms: float


class SearchOut(BaseModel):
    """The answer to a query, best matches first."""

    results: list[MatchOut]
    total_searched: int = Field(description="Records that pass the filter.")
    model: str
    took_ms: float
    reason: Annotated[
        str | None,
        Field(description="Why there are no results, or none that is similar; absent otherwise."),
    ] = None
    verdict: Annotated[
        Relation | Literal["none"] | None,
        Field(description="Only of pictures: the best relation in the index to the one asked."),
    ] = None
    similar_from: Annotated[
        float | None, Field(description="The score from which on results are similar.")
    ] = None
    turned: Annotated[
        Literal[90, 180, 270] | None,
        Field(description="Degrees clockwise by which the picture was turned, as it was found so."),
    ] = None
    anywhere: Annotated[
        bool | None,
        Field(description="True where parts were looked for, also where nothing else was found."),
    ] = None
    notes: Annotated[
        list[str] | None,
        Field(description="Words that were ignored because the model does not know them."),
    ] = None
    total_matching: Annotated[
        int | None,
        Field(description="How many records reach min_score; only when asked for with count."),
    ] = None


class TagOut(BaseModel):
    """A word for what a picture shows."""

    name: str = Field(examples=["sneaker"])
    score: float = Field(
        description="Of classes their probability, of words the cosine similarity to the picture."
    )


class TagsOut(BaseModel):
    """The best tags, best first."""

    tags: list[TagOut]
    model: str
    took_ms: float


class SubjectOut(BaseModel):
    """Something that stands out in a picture."""

    box: tuple[float, float, float, float] = Field(
        description="Left, top, right, bottom as fractions of the picture: the box of a search.",
        examples=[[0.12, 0.3, 0.55, 0.9]],
    )
    score: float = Field(description="How much of all that stands out lies in the box: 0 to 1.")


class SubjectsOut(BaseModel):
    """What a picture seems to be about, most first; there may be nothing."""

    subjects: list[SubjectOut]
    took_ms: float


class ClassesOut(BaseModel):
    """Names of classes that a search can be steered toward."""

    classes: list[str] = Field(examples=[["Siamese cat", "tiger cat"]])
    total: int = Field(description="How many names there are in all pages.")


class PageOut(BaseModel):
    """A page of records, in the order they were added."""

    images: list[RecordOut]
    total: int


class RandomOut(BaseModel):
    """Records picked by chance."""

    images: list[RecordOut]
    total: int = Field(description="How many there are to pick from.")


class ValueOut(BaseModel):
    """A value of a field, and how many records have it."""

    value: Any
    count: int


class FieldOut(BaseModel):
    """A field of the records."""

    name: str
    type: str = Field(description="text, number, date, mixed or list")
    count: int
    distinct: int = Field(
        description="Different values; under filters, of a field without a list, at most so many."
    )
    values: Annotated[
        list[ValueOut] | None, Field(description="The commonest; absent when nearly all differ.")
    ] = None
    min: float | None = None
    max: float | None = None


class FieldsOut(BaseModel):
    """The fields that filters can use, in the catalogue's order."""

    fields: list[FieldOut]


class InfoOut(BaseModel):
    """What this server serves, and what it allows."""

    name: str
    version: str
    records: int
    model: str
    dim: int
    text: bool = Field(description="Whether the model reads words.")
    text_models: list[str] = Field(description="Models that do, when this one does not.")
    classes: int = Field(description="Number of classes of the model's classifier.")
    class_search: bool = Field(description="Whether a search can be steered toward them.")
    tags: Literal["classes", "words"] | None = Field(
        description="What the tags of pictures are; null: the model gives none."
    )
    tagged: bool = Field(description="Whether the records have the field tags of `index --tag`.")
    colours: bool = Field(description="Whether the colours of records can be asked for.")
    subjects: bool = Field(description="Whether the model proposes parts of pictures.")
    concepts: int = Field(description="How many there are, see /v1/concepts.")
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
