"""Where an object is: `s3://bucket/key`, with the key as it is, not percent-encoded."""

import os
import re
from dataclasses import dataclass
from typing import Self

from visavis.errors import UsageError

SCHEMES = ("s3", "gs")

_BEGINNING = re.compile(r"(s3|gs)://", re.IGNORECASE)
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,221}")  # Google's may hold dots and be so long


def is_object(text: str | os.PathLike[str]) -> bool:
    """Whether a text names an object, or a prefix of some, rather than a file."""
    return isinstance(text, str) and _BEGINNING.match(text) is not None


@dataclass(frozen=True, slots=True)
class Address:
    """An object, or all whose keys begin so."""

    scheme: str
    """s3 or gs."""
    bucket: str
    key: str = ""

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bucket}/{self.key}" if self.key else self.top

    @property
    def top(self) -> str:
        """The bucket's own address."""
        return f"{self.scheme}://{self.bucket}"

    @property
    def folder(self) -> str:
        """What the keys of all below it begin with."""
        return f"{self.key}/" if self.key else ""

    def below(self, name: str) -> "Address":
        """The object of that name below this one."""
        return Address(self.scheme, self.bucket, self.folder + name)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `s3://BUCKET[/KEY]`. Raises UsageError when it is none.

        >>> Address.parse("s3://shop/2026/a b.jpg").key
        '2026/a b.jpg'
        """
        begins = _BEGINNING.match(text)
        bucket, _, key = text[begins.end() if begins else 0 :].partition("/")
        if begins is None or not _BUCKET.fullmatch(bucket):
            if "@" in bucket:  # not repeated: it may be a secret
                raise UsageError(
                    "credentials have no place in an s3:// URL, which is kept in the index; set "
                    "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
                )
            raise UsageError(f"{text[:200]}: no bucket can be called {bucket[:100]!r}")
        return cls(begins[1].lower(), bucket, key)

    @classmethod
    def of_folder(cls, text: str) -> Self:
        """The same for a prefix, with or without a slash at its end."""
        found = cls.parse(text)
        return cls(found.scheme, found.bucket, found.key.rstrip("/"))
