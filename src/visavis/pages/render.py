"""Pages from templates: every text is escaped, and each page is one file that needs no other.

A page is a template in templates/ that extends base.html; `asset` puts a style sheet (or a script)
of that folder into it, `source` the picture of a card. Cards are macros in cards.html.
"""

from base64 import b64encode
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from visavis.images.thumbnail import encode_jpeg, thumbnail
from visavis.pages.cards import Card, dimmed_outside


def render(name: str, **values: object) -> str:
    """The page of a template with these values."""
    return _environment().get_template(name).render(values)


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("visavis.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["asset"] = asset
    made.filters["source"] = _source
    return made


@cache
def asset(name: str) -> Markup:
    """A file of ours as it is; nothing of a user is in it."""
    environment = _environment()
    assert environment.loader is not None
    return Markup(environment.loader.get_source(environment, name)[0])


def _source(card: Card, side: int) -> str | None:
    """Where the card's picture is: on the web, or within the page, at most side × side pixels."""
    if card.pixels is None:
        return card.src
    pixels = thumbnail(card.pixels, side)
    if card.box is not None:
        pixels = dimmed_outside(pixels, card.box)
    return f"data:image/jpeg;base64,{b64encode(encode_jpeg(pixels)).decode('ascii')}"
