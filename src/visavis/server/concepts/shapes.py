"""What goes in and what comes out of the routes of concepts."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from visavis.server.api.schemas import Limit, Offset

MOST_IDS = 10_000
"""Records that are marked by one request."""

Ids = Annotated[list[Annotated[str, Field(max_length=4000)]], Field(max_length=MOST_IDS)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class MarksIn(_Strict):
    """Records that are such, and others that are not; of both lists together one at least."""

    model_config = ConfigDict(
        strict=True,
        json_schema_extra={"examples": [{"yes": ["mug-01-front"], "no": ["lamp-01-close"]}]},
    )

    yes: Annotated[Ids, Field(description="Ids of records that are such.")] = Field(
        default_factory=list
    )
    no: Annotated[
        Ids, Field(description="Ids of those that are not; of an id in both lists this counts.")
    ] = Field(default_factory=list)


class ConceptParams(_Strict):
    """Which marks."""

    limit: Limit = 100
    offset: Offset = 0


class SummaryOut(BaseModel):
    """A concept, without its marks."""

    name: str = Field(examples=["our mugs"])
    yes: int = Field(description="Marks that say it is such.")
    no: int = Field(description="Marks that say it is not.")


class ConceptsOut(BaseModel):
    """All concepts, in order of their names."""

    concepts: list[SummaryOut]


class MarkOut(BaseModel):
    """What was said of a picture."""

    id: str
    good: bool
    here: bool = Field(description="Whether there is such a record now.")
    thumbnail: str | None = Field(description="Of that record.")


class ConceptOut(SummaryOut):
    """A concept with its marks, the latest first."""

    similar_from: float | None = Field(
        description="The score from which on a record is such; null: it cannot be told."
    )
    trouble: str | None = Field(description="Why it cannot be searched by, if it cannot.")
    marks: list[MarkOut]


class MarkedOut(SummaryOut):
    """What marking has changed."""

    added: int = Field(description="Pictures that had no mark.")
    turned: list[str] = Field(description="Ids whose mark said the opposite before.")


class ForgottenOut(BaseModel):
    """What was forgotten."""

    removed: int = Field(description="Marks.")
