"""What tells copies from one another besides what an index knows: how their files were saved."""

from dataclasses import dataclass

from visavis.errors import ImageError
from visavis.flows.duplicates.plan import changed
from visavis.images.files import open_file, why_not
from visavis.images.quality import read_saved
from visavis.images.sniff import Format
from visavis.types import ImageRecord


@dataclass(frozen=True, slots=True)
class FileFacts:
    """How the file of a record was saved, as it lies there now."""

    format: Format | None = None
    """None: nobody has looked, as at a URL."""
    lossless: bool = False
    quality: int | None = None
    """Of a JPEG, 1…100."""
    trouble: str | None = None
    """Why it is not the file that was indexed any more."""


def file_facts(record: ImageRecord) -> FileFacts:
    """How a record's file was saved; reads its head."""
    if record.uri.startswith(("http://", "https://")):
        return FileFacts()
    trouble = changed(record.uri, record.size, record.modified)
    if trouble is not None:
        return FileFacts(trouble=trouble)
    try:
        with open_file(record.uri) as file:
            saved = read_saved(file)
    except ImageError as error:
        return FileFacts(trouble=error.reason)
    except OSError as error:
        return FileFacts(trouble=why_not(error))
    return FileFacts(saved.format, saved.lossless, saved.quality)
