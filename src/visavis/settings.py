"""What a person has set: flag > environment > project file > user file > default.

The project file is `visavis.toml` in the current folder, the user file
`$XDG_CONFIG_HOME/visavis/config.toml` (`~/.config/…`); both hold the names below as keys. An
environment variable is the name in capitals after `VISAVIS_`.
"""

import math
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from visavis.disk import reason
from visavis.errors import UsageError

PROJECT_FILE = "visavis.toml"
_PATHS = frozenset({"index", "model", "words"})
_CALLED = {str: "a text in quotes", int: "a whole number", float: "a number"}


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings with their defaults; the front ends read them, nothing below does."""

    index: str = "visavis.index"
    """Folder of the index."""
    model: str = ""
    """Model for a new index; empty: the built-in default."""
    jobs: int = 0
    """Threads that decode and embed; 0: one per core that the process may use."""
    device: str = "cpu"
    """Where networks run: cpu, cuda, coreml or openvino."""
    max_megapixels: float = 100.0
    """Pictures with more pixels are refused, before they are decoded."""
    words: str = ""
    """File of word vectors for `visavis words` and `visavis models conse`; empty: none."""

    def __post_init__(self) -> None:
        """Refuse numbers that mean nothing."""
        if self.jobs < 0:
            raise UsageError(f"jobs must be 1 or more (0: one per core), not {self.jobs}")
        if not (math.isfinite(self.max_megapixels) and self.max_megapixels > 0):
            raise UsageError(f"max_megapixels must be above 0, not {self.max_megapixels}")

    @property
    def max_pixels(self) -> int:
        """The cap in pixels."""
        return int(self.max_megapixels * 1e6)


def load_settings(
    flags: Mapping[str, Any],
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Settings:
    """The settings in force; flags that are None were not given.

    Raises UsageError for an unknown key or a value of the wrong kind, naming where it stands.
    """
    environ = os.environ if environ is None else environ
    home = Path(environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    values: dict[str, Any] = {}
    for file in (home / "visavis" / "config.toml", (folder or Path()) / PROJECT_FILE):
        values |= _from_file(file)
    for field in fields(Settings):
        variable = f"VISAVIS_{field.name.upper()}"
        if environ.get(variable):
            values[field.name] = _converted(field.name, environ[variable], f"${variable}")
    values |= {name: value for name, value in flags.items() if value is not None}
    if values.get("index") == "":
        raise UsageError("the name of the index is empty; is a variable not set, as in --index $X?")
    # A shell does not do this in quotes, in files, and behind the = of `--index=~/pictures.index`.
    for name in values.keys() & _PATHS:
        values[name] = os.path.expanduser(values[name])  # noqa: PTH111 - may be an address
    return Settings(**values)


def _from_file(file: Path) -> dict[str, Any]:
    if not file.exists():
        return {}
    import tomllib  # most people have no such file

    try:
        found = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{file}: cannot be read ({reason(error)})") from error
    return {name: _converted(name, value, str(file)) for name, value in found.items()}


def _converted(name: str, value: Any, where: str) -> Any:
    kinds: dict[str, type[Any]] = {name: type(value) for name, value in asdict(Settings()).items()}
    if name not in kinds:
        raise UsageError(f"{where}: no setting is called {name!r}; there are {', '.join(kinds)}")
    kind = kinds[name]
    # The environment has texts alone, and files have kinds: `jobs = true` is not one thread.
    fits = isinstance(value, str | kind) or (kind is float and isinstance(value, int))
    if fits and not isinstance(value, bool):
        with suppress(ValueError):
            return kind(value)
    raise UsageError(f"{where}: {name} must be {_CALLED[kind]}, not {value!r}")
