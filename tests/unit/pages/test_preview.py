import re
from base64 import standard_b64decode
from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from visavis.errors import UsageError
from visavis.pages.preview import Protocol, detect, encode
from visavis.types import RGB


def gradient(height: int, width: int) -> RGB:
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 255 // width, y * 255 // height, (x + y) % 256], 2).astype(np.uint8)


def blocks(height: int, width: int) -> RGB:
    """Few colours, so that a palette of 256 loses nothing."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[: height // 2] = (255, 0, 51)
    picture[:, : width // 3] = (0, 102, 255)
    picture[-1, -1] = (255, 255, 255)
    return picture


def kitty_pixels(text: str) -> tuple[RGB, list[str]]:
    chunks = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", text)
    assert "".join(f"\x1b_G{keys};{data}\x1b\\" for keys, data in chunks) == text
    png = standard_b64decode("".join(data for _, data in chunks))
    assert all(len(data) <= 4096 for _, data in chunks)
    return np.asarray(Image.open(BytesIO(png)).convert("RGB")), [keys for keys, _ in chunks]


def sixel_pixels(text: str) -> NDArray[np.float64]:
    """A reader of sixel written from the standard: colours in hundredths, bands of six rows."""
    whole = re.fullmatch(r'\x1bP0;1;0q"1;1;(\d+);(\d+)(.*)\x1b\\', text, re.DOTALL)
    assert whole
    width, height, body = int(whole[1]), int(whole[2]), whole[3]
    picture = np.full((height, width, 3), np.nan)
    palette: dict[int, tuple[float, ...]] = {}
    colour, left, top = 0, 0, 0
    token = r"#(\d+);2;(\d+);(\d+);(\d+)|#(\d+)|!(\d+)([?-~])|([?-~])|(\$)|(-)"
    for found in re.finditer(token, body):
        entry = found.groups()
        if entry[0]:
            palette[int(entry[0])] = tuple(int(x) * 2.55 for x in entry[1:4])
        elif entry[4]:
            colour = int(entry[4])
        elif entry[8]:
            left = 0
        elif entry[9]:
            left, top = 0, top + 6
        else:
            count, bits = int(entry[5] or 1), ord(entry[6] or entry[7]) - 63
            for row in (r for r in range(6) if bits >> r & 1):
                picture[top + row, left : left + count] = palette[colour]
            left += count
    assert re.sub(token, "", body) == ""
    return picture


def test_kitty_carries_the_exact_pixels_in_chunks_that_say_whether_more_follow() -> None:
    rng = np.random.default_rng(3)
    picture = rng.integers(0, 256, (60, 80, 3), np.uint8)  # noise: a PNG of several chunks
    pixels, keys = kitty_pixels(encode(picture, Protocol.KITTY, 60))
    np.testing.assert_array_equal(pixels, picture)
    assert len(keys) > 1
    assert keys[0] == "a=T,f=100,q=2,m=1"
    assert {k[-3:] for k in keys[1:-1]} <= {"m=1"}
    assert keys[-1] == "q=2,m=0"


def test_a_small_kitty_picture_is_one_last_chunk() -> None:
    pixels, keys = kitty_pixels(encode(blocks(8, 8), Protocol.KITTY, 60))
    np.testing.assert_array_equal(pixels, blocks(8, 8))
    assert keys == ["a=T,f=100,q=2,m=0"]


def test_iterm2_carries_the_exact_pixels_and_their_byte_count() -> None:
    text = encode(gradient(40, 30), Protocol.ITERM2, 40)
    found = re.fullmatch(r"\x1b\]1337;File=inline=1;size=(\d+);([^:]*):([^\x07]*)\x07", text)
    assert found
    png = standard_b64decode(found[3])
    assert len(png) == int(found[1])
    np.testing.assert_array_equal(np.asarray(Image.open(BytesIO(png))), gradient(40, 30))
    assert found[2] == "width=30px;height=40px;preserveAspectRatio=1"


@pytest.mark.parametrize("height", [1, 5, 6, 7, 23])
def test_sixel_draws_every_pixel_in_its_colour(height: int) -> None:
    picture = blocks(height, 17)
    drawn = sixel_pixels(encode(picture, Protocol.SIXEL, 100))
    # Sixel counts colours in hundredths, so a step is 2.55.
    np.testing.assert_allclose(drawn, picture, atol=1.3)


def test_sixel_equals_the_picture_reduced_to_256_colours() -> None:
    picture = gradient(50, 70)
    drawn = sixel_pixels(encode(picture, Protocol.SIXEL, 50))
    quantised = Image.fromarray(picture).quantize(
        256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE
    )
    np.testing.assert_allclose(drawn, np.asarray(quantised.convert("RGB")), atol=1.3)
    assert np.abs(drawn - picture).mean() < 8


def test_a_plain_area_takes_few_characters() -> None:
    plain = np.full((60, 600, 3), 90, np.uint8)
    assert len(encode(plain, Protocol.SIXEL, 60)) < 200


@pytest.mark.parametrize("protocol", list(Protocol))
def test_a_tall_picture_is_scaled_down_and_keeps_its_shape(protocol: Protocol) -> None:
    text = encode(gradient(400, 200), protocol, 100)
    match protocol:
        case Protocol.KITTY:
            shape = kitty_pixels(text)[0].shape
        case Protocol.SIXEL:
            shape = sixel_pixels(text).shape
        case Protocol.ITERM2:
            assert "width=50px;height=100px" in text
            return
    assert shape == (100, 50, 3)


def test_a_small_picture_is_never_enlarged() -> None:
    assert kitty_pixels(encode(blocks(10, 12), Protocol.KITTY, 500))[0].shape == (10, 12, 3)


def test_a_height_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="at least 1 pixel"):
        encode(blocks(4, 4), Protocol.SIXEL, 0)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"TERM": "xterm-kitty", "KITTY_WINDOW_ID": "1"}, Protocol.KITTY),
        ({"TERM": "xterm-ghostty", "TERM_PROGRAM": "ghostty"}, Protocol.KITTY),
        ({"TERM": "xterm-256color", "KONSOLE_VERSION": "220401"}, Protocol.KITTY),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, Protocol.ITERM2),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, Protocol.ITERM2),
        ({"TERM": "wezterm", "WEZTERM_PANE": "0"}, Protocol.ITERM2),
        ({"TERM": "foot"}, Protocol.SIXEL),
        ({"TERM": "mlterm"}, Protocol.SIXEL),
        ({"TERM": "xterm-sixel"}, Protocol.SIXEL),
        ({"TERM": "xterm-256color"}, None),
        ({"TERM": "dumb", "KITTY_WINDOW_ID": "1"}, None),
        ({"TERM": "tmux-256color", "KITTY_WINDOW_ID": "1"}, None),
        ({"TERM": "screen", "TERM_PROGRAM": "iTerm.app"}, None),
        ({"TERM": "xterm-kitty", "TMUX": "/tmp/tmux-0/default,1,0"}, None),
        ({"TERM_PROGRAM": "Apple_Terminal", "TERM": "xterm-256color"}, None),
        ({}, None),
    ],
)
def test_a_terminal_is_known_by_its_environment(
    environ: dict[str, str], expected: Protocol | None
) -> None:
    assert detect(environ) is expected
