"""Pictures of records, read to be looked at."""

from visavis.errors import ImageError
from visavis.images.decode import decode
from visavis.images.files import read_file
from visavis.sources.web.fetch import Fetcher, is_address
from visavis.types import RGB, ImageRecord


def read_picture(record: ImageRecord) -> RGB | None:
    """A record's picture for people to look at; None when its file is gone."""
    try:
        if is_address(record.uri):  # it was downloaded when it was indexed
            fetcher = Fetcher()
            try:
                data = fetcher.fetch(record.uri)
            finally:
                fetcher.close()
        else:
            data = read_file(record.uri)
        return decode(data, record.uri, min_side=400).pixels
    except ImageError:
        return None
