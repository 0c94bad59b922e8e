"""Colours as people write them: names and hex values."""

import difflib
import re
from collections.abc import Sequence

from PIL import ImageColor

from visavis.errors import UsageError

Colour = tuple[int, int, int]
"""Red, green and blue, each 0…255."""

SHADES: dict[str, tuple[Colour, Colour]] = {
    "red": ((205, 25, 30), (150, 20, 35)),
    "orange": ((250, 130, 20), (225, 100, 30)),
    "yellow": ((250, 220, 40), (230, 195, 60)),
    "green": ((45, 150, 60), (60, 100, 50)),
    "blue": ((35, 90, 200), (30, 45, 105)),
    "purple": ((120, 50, 160), (85, 40, 110)),
    "pink": ((250, 130, 180), (235, 60, 140)),
    "brown": ((120, 75, 45), (85, 55, 35)),
    "black": ((25, 25, 28), (45, 45, 48)),
    "white": ((255, 255, 255), (240, 240, 236)),
    "grey": ((140, 140, 143), (175, 175, 178)),
}
"""Eleven colours, the basic colour words of English (Berlin and Kay, 1969), in two shades each: of
CSS's, blue is brighter than any cloth, and brown is red."""

_SAID = "gray navy maroon teal turquoise crimson indigo violet beige khaki magenta cyan lavender"
SAID = frozenset((*SHADES, *_SAID.split()))
"""Names that are colours in any text; *olive*, *tomato* and *snow* are things first."""

_HEX = re.compile(r"#?(?:[0-9a-f]{6}|[0-9a-f]{3})")
_WORD = re.compile(r"\w+")
_NO_THINGS = frozenset(("in", "dark", "light", "pale", "bright", "deep"))
_FEW = 3  # words: what they name is one thing, as a rule
_NEAR = 4
_SHOWN = 60  # characters of what is no colour


def said(text: str) -> str | None:
    """The colour that a text is, as *red* and *in red* are; None of texts that say something else.

    >>> said("In red"), said("red shoes")
    ('red', None)
    """
    name = " ".join(text.casefold().split()).removeprefix("in ")
    return name if name in SAID else None


def named(text: str) -> str | None:
    """The colour of what a few words name, as *red shoes* do; None of a colour alone.

    A longer text tells of more than one thing, and the colour may be that of any of them.

    >>> named("Navy running shoes"), named("red"), named("a man in a red shirt")
    ('navy', None, None)
    """
    words = _WORD.findall(text.casefold())
    colours = [word for word in words if word in SAID]
    things = [word for word in words if word not in SAID and word not in _NO_THINGS]
    return colours[0] if len(colours) == 1 and things and len(words) <= _FEW else None


def shades_of(text: str) -> Sequence[Colour]:
    """The shades of a colour by its name (in CSS, or one of the basic eleven) or hex value.

    >>> shades_of("#c01f2a"), shades_of("Dark red")
    (((192, 31, 42),), ((139, 0, 0),))

    Raises UsageError for what is none, with the names that it is near to.
    """
    name = re.sub(r"[\s_-]", "", text.casefold())
    name = name.replace("gray", "grey")
    if name in SHADES:
        return SHADES[name]
    if name in ImageColor.colormap:
        return (ImageColor.getrgb(name)[:3],)
    if _HEX.fullmatch(name):
        return (ImageColor.getrgb(f"#{name.removeprefix('#')}")[:3],)
    near = difflib.get_close_matches(name, dict.fromkeys([*SHADES, *ImageColor.colormap]), n=_NEAR)
    meant = f"did you mean {' or '.join(near)}? Else give" if near else "give"
    raise UsageError(
        f"{text[:_SHOWN]!r} is no colour; {meant} a name of CSS such as teal, a hex value such as "
        "#c01f2a, or a picture as ./file.jpg"
    )
