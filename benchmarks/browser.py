"""The browser that pages are measured in."""

import importlib.util
import shutil

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-headless-shell") or "chromium"
NEEDS = "left out: it needs the package playwright and chromium"


def is_there() -> bool:
    """Whether pages can be measured here."""
    return importlib.util.find_spec("playwright") is not None and bool(shutil.which(CHROMIUM))
