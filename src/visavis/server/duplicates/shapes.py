"""What goes in and what comes out of the routes of duplicates."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from visavis.flows.duplicates.found import Means
from visavis.server.api.answers import RecordOut
from visavis.server.api.schemas import Offset
from visavis.types import Relation

MOST_GROUPS = 20
"""Groups in one answer."""

MOST_RECORDS = 50
"""Records of a group that are shown."""

MOST_RULES = 8

Alike = Annotated[
    Literal["exact", "near_duplicate", "variant"],
    Field(description="How alike; pairs that are less are left out."),
]
Groups = Annotated[int, Field(ge=0, le=MOST_GROUPS, description="How many groups.")]
Id = Annotated[str, Field(max_length=4000)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Said = Literal["better", "worse", "same", "alternate", "not-related", "undecided"]
"""What one image is to another, or that nothing was decided."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class DuplicatesParams(_Strict):
    """Which groups."""

    relation: Alike = "near_duplicate"
    limit: Groups = 10
    offset: Offset = 0


class PreviewParams(_Strict):
    """Rules, and the groups whose files are listed."""

    keep: Annotated[
        list[Literal["largest", "best-quality", "oldest", "newest"]],
        Field(min_length=1, max_length=MOST_RULES, description="The first that decides counts."),
    ]
    relation: Alike = "near_duplicate"
    limit: Groups = 10
    offset: Offset = 0


class DecisionIn(_Strict):
    """What an image is to another one: kept with the index."""

    model_config = ConfigDict(
        strict=True,
        json_schema_extra={
            "examples": [{"one": "mug-01-front", "other": "mug-01-close", "verdict": "not-related"}]
        },
    )

    one: Annotated[Id, Field(description="A record.")]
    other: Annotated[Id, Field(description="Another one.")]
    verdict: Annotated[
        Said,
        Field(
            description="What `one` is to `other`: the better or the worse duplicate, the same, an "
            "alternate version, not related; undecided takes a decision back."
        ),
    ]
    before: Annotated[
        Said | None,
        Field(
            description="What you believe was decided so far: where it is something else by now, "
            "nothing is changed (409)."
        ),
    ] = None
    sha256: Annotated[
        list[Digest] | None,
        Field(
            min_length=2,
            max_length=2,
            description="The contents that you have seen: where a record shows another picture by "
            "now, nothing is changed (409).",
        ),
    ] = None


class PlanIn(_Strict):
    """Rules that say which copy to keep."""

    model_config = ConfigDict(
        strict=True, json_schema_extra={"examples": [{"keep": ["largest", "oldest"]}]}
    )

    keep: Annotated[
        list[Annotated[str, Field(max_length=1000)]],
        Field(
            min_length=1,
            max_length=MOST_RULES,
            description="largest, best-quality, oldest, newest, path:GLOB; the first that decides.",
        ),
    ]
    relation: Alike = "near_duplicate"


class ScanOut(BaseModel):
    """How far the scan is."""

    state: Literal["running", "done"] = Field(description="Old groups may be shown meanwhile.")
    stage: str = Field(
        description="What is being done: searched, matched, compared, checked; or waiting, while "
        "another worker scans."
    )
    done: int
    total: int
    version: str | None = Field(
        description="Of the groups: another one when they were found anew; null: none yet."
    )
    stale: bool = Field(description="Whether records have changed since: POST …/scan looks again.")
    scanned: int = Field(description="Records that were looked at.")
    seconds: float
    notes: list[str]


class CopyOut(RecordOut):
    """A record of a group, with what tells copies from one another."""

    sha256: str
    format: str | None = Field(description="Of its file; null: it was not looked at.")
    lossless: bool
    quality: int | None = Field(description="Of a JPEG, 1…100, by its quantization table.")
    trouble: str | None = Field(
        description="Why it is not what was found any more: removed, changed, or its file is gone."
    )


class LinkOut(BaseModel):
    """Two contents that were compared."""

    sha256: list[str]
    relation: Relation
    by: Means
    strength: float
    plain: bool = Field(description="Whether they also look alike as they are.")


class DecidedOut(BaseModel):
    """What was decided about two contents."""

    one: str
    other: str
    verdict: Literal["better", "same", "alternate", "not-related"]


class PairOut(BaseModel):
    """Two contents that nothing was decided about; the first is the best so far."""

    one: str
    other: str


class GroupOut(BaseModel):
    """Records that show the same picture."""

    number: int = Field(description="Its place among all groups, from 0.")
    relation: Relation
    records: list[CopyOut] = Field(description=f"At most {MOST_RECORDS}.")
    more: int = Field(description="Records that are not shown.")
    links: list[LinkOut]
    kept_apart: int = Field(description="Links to pictures outside that differ from one another.")
    decisions: list[DecidedOut]
    open: list[PairOut]
    best: str = Field(description="The content that is the best, or to be compared with.")


class DuplicatesOut(BaseModel):
    """Groups of duplicates."""

    scan: ScanOut
    groups: list[GroupOut]
    total: int = Field(description="All groups.")
    open: int = Field(description="Those in which pairs are undecided.")
    next_open: int | None = Field(description="The number of the first such group behind these.")
    previous_open: int | None = Field(description="The number of the last before these.")


class ScanStateOut(BaseModel):
    """How far the scan is."""

    scan: ScanOut


class DecisionOut(BaseModel):
    """What is decided now, and what was before."""

    verdict: Said
    before: Said


class PlannedOut(BaseModel):
    """What is to become of a record's file."""

    group: int
    id: str
    action: Literal["keep", "move", "leave"]
    reason: str


class PreviewOut(BaseModel):
    """What rules make of the groups."""

    keep: list[str]
    groups: int
    settled: int = Field(description="Groups of which nothing is left open.")
    move: int = Field(description="Files that may go.")
    bytes: int = Field(description="What they have together.")
    files: list[PlannedOut]
    version: str


class PlanFileOut(BaseModel):
    """The file of a plan, for `visavis duplicates --apply`."""

    model_config = ConfigDict(extra="allow")

    visavis_plan: int
    index_folder: str
