"""What a walk leaves out: globs as people type them, and which of them found nothing."""

import fnmatch
import os
import re
from collections.abc import Sequence


class Exclusion:
    """Compares files and folders with globs (`*`, `?`, `[a-z]`; `*` crosses folders).

    A glob may be a name (`private`, `*.gif`), a path below the folder (`2024/private`), one that
    begins with the folder's own name (`photos/private`, `*/private/*`), one from the working
    folder (`./photos/private/`) or an absolute one; with backslashes too, and `/**` at its end. A
    folder's glob covers all that is below it.
    """

    def __init__(self, root: str, globs: Sequence[str], above: str = "") -> None:
        """`above` is where the root lies below the folder that paths start from."""
        self._root = root
        self._above = above + "/" if above else ""
        self._named = os.path.basename(root) + "/"  # noqa: PTH119
        self._globs = tuple(globs)
        self._forms = [_forms(glob) for glob in self._globs]
        self._regexes = [_regex(forms) for forms in self._forms]
        self._any = _regex([form for forms in self._forms for form in forms])
        self._met: set[int] = set()
        self._left_out: list[str] = []

    def __bool__(self) -> bool:
        return bool(self._globs)

    def __call__(self, name: str, below: str) -> bool:
        """Whether the file or folder of that name and path is left out."""
        below = below.removeprefix(self._above)
        spelled = (name, below, self._named + below, f"{self._root}/{below}")
        if not any(self._any.match(text) for text in spelled):
            return False
        for at, regex in enumerate(self._regexes):
            if at not in self._met and any(regex.match(text) for text in spelled):
                self._met.add(at)
        self._left_out.append(below)
        return True

    def target(self, path: str) -> bool:
        """Whether a link leads to what is left out, or below it: it does not bring that back."""
        real = os.path.realpath(path)
        while real.startswith(self._root + "/"):
            below = self._above + os.path.relpath(real, self._root)
            if self(os.path.basename(real), below):  # noqa: PTH119
                return True
            real = os.path.dirname(real)  # noqa: PTH120
        return False

    def notes(self, uri: str) -> list[str]:
        """What to know of globs that have matched nothing in a source, nor can have.

        Those of what lies below a folder that was left out can.
        """
        return [
            f"{uri}: nothing matches {glob!r}, so --exclude left nothing out for it"
            for at, glob in enumerate(self._globs)
            if at not in self._met and not self._covered(self._forms[at])
        ]

    def _covered(self, forms: Sequence[str]) -> bool:
        beginnings = [
            f"{start}{below}/"
            for below in self._left_out
            for start in ("", self._named, self._root + "/")
        ]
        return any(form.startswith(tuple(beginnings)) for form in forms)


def _forms(glob: str) -> list[str]:
    """The ways to read a glob: as it is, with other separators, and from the working folder."""
    forms: list[str] = []
    for text in dict.fromkeys((glob, glob.replace("\\", "/"))):
        plain = os.path.expanduser(text)  # noqa: PTH111
        while plain.startswith("./"):
            plain = plain[2:]
        plain = plain.rstrip("/").removesuffix("/**") or plain
        forms += [plain, plain.removeprefix("**/")]
        if "/" in text:
            whole = os.path.abspath(plain)  # noqa: PTH100 - a glob is no path that exists
            forms += [whole, os.path.realpath(whole)]
    return list(dict.fromkeys(forms))


def _regex(forms: Sequence[str]) -> re.Pattern[str]:
    return re.compile("|".join(fnmatch.translate(form) for form in forms) or r"(?!)")
