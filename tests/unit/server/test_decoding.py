"""Pictures of questions to pixels, within bounds."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from visavis.server.decoding import Decoding
from visavis.server.memory import Memory
from visavis.server.options import ServerOptions
from visavis.server.pool import Job
from visavis.types import RGB, ImageTerm


def decoded(width: int, height: int, side: int | None) -> RGB:
    """What a server makes of a picture that is dark above and light below."""
    out = BytesIO()
    sheet = Image.new("L", (width, height), 30)
    sheet.paste(220, (0, height // 2, width, height))
    sheet.save(out, "PNG")
    decoding = Decoding(ServerOptions(Path("none")), Memory())
    [term] = decoding.query([ImageTerm(out.getvalue())], side, Job(60))
    assert isinstance(term.image, np.ndarray)
    return term.image


@pytest.mark.parametrize(("width", "height"), [(240, 50_000), (1, 12_000_000), (50_000, 240)])
def test_a_strip_is_made_as_small_as_other_pictures(width: int, height: int) -> None:
    pixels = decoded(width, height, 224)
    assert pixels.shape[0] * pixels.shape[1] <= 2_100_000
    if height > width:
        assert (int(pixels[0, 0, 0]), int(pixels[-1, 0, 0])) == (30, 220)


def test_other_pictures_are_as_large_as_the_model_wants_them() -> None:
    assert decoded(3_000, 2_000, 224).shape[:2] == (500, 750)
    assert decoded(3_000, 2_000, None).shape[:2] == (2_000, 3_000)
