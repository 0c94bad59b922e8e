"""The studio of the drawn gallery: backdrops, shadows, and the last step from layer to picture."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from visavis.drawn.canvas import Colour, Grid, darker, lighter, rgb
from visavis.types import RGB

Pose = Literal["standing", "lying"]
"""Standing things get a floor and a shadow on it; lying things a surface right behind them."""

Backdrop = Literal["sweep", "horizon", "disc", "window"]
BACKDROPS: tuple[Backdrop, ...] = ("sweep", "horizon", "disc", "window")

TINTS: tuple[Colour, ...] = (
    (0.94, 0.93, 0.91),  # warm grey
    (0.98, 0.93, 0.84),  # cream
    (0.98, 0.85, 0.82),  # blush
    (0.83, 0.92, 0.86),  # mint
    (0.81, 0.91, 0.98),  # sky
    (0.90, 0.87, 0.98),  # lilac
    (1.00, 0.89, 0.72),  # apricot
    (0.80, 0.88, 0.91),  # mist
)


@dataclass(frozen=True, slots=True)
class Scene:
    """Backdrop and light of one photograph."""

    backdrop: Backdrop
    tint: Colour
    light: float = 0.0
    """Where the lamp is: -1 left … 1 right."""
    exposure: float = 1.0


def photograph(layer: Grid, pose: Pose, scene: Scene) -> RGB:
    """The thing on `layer` (premultiplied RGBA) in front of its backdrop, with its shadow."""
    side = layer.shape[0]
    alpha = np.clip(layer[..., 3], 0, 1)
    rows = np.flatnonzero(alpha.max(1) > 0.5)
    base = float(rows[-1] + 1) / side if len(rows) else 0.9
    picture = _backdrop(side, pose, scene, base)
    shade = _floor_shadow(alpha, base, scene) if pose == "standing" else _drop_shadow(alpha, scene)
    tone = rgb(darker(scene.tint, 0.78))
    picture += shade[..., None] * (tone - picture)
    picture *= 1 - alpha[..., None]
    picture += layer[..., :3]
    picture *= scene.exposure
    return np.asarray(np.clip(picture, 0, 1) * 255 + 0.5, np.uint8)


def _backdrop(side: int, pose: Pose, scene: Scene, base: float) -> Grid:
    x, y = _axes(side)
    light = 0.5 + 0.25 * scene.light
    glow = _glow((x - light) / 0.55, (y - 0.34) / 0.55)
    picture = _mixed(darker(scene.tint, 0.05), lighter(scene.tint, 0.5), glow)
    if scene.backdrop == "disc":
        away = np.hypot(x - 0.5, y - 0.47) - 0.37
        disc = np.clip(0.5 - away * side, 0, 1) * (0.75 + 0.25 * (y - x + 1) / 2)
        _blend(picture, _deeper(scene.tint), disc * 0.8)
    if scene.backdrop == "window":
        _blend(picture, lighter(scene.tint, 0.85), _window(x, y, scene.light))
    if pose == "standing":
        _lay_floor(picture, x, y, scene, base)
    corner = np.clip((x - 0.5) ** 2 + (y - 0.5) ** 2 - 0.2, 0, 1)
    picture *= (1 - 0.2 * corner)[..., None]
    return picture


def _lay_floor(picture: Grid, x: Grid, y: Grid, scene: Scene, base: float) -> None:
    horizon = base - 0.17
    crisp = scene.backdrop in ("horizon", "disc")
    softness = 1.2 / picture.shape[0] if crisp else 0.09
    cover = _eased((y - horizon) / softness + 0.5)
    pool = _glow((x - 0.5 + 0.1 * scene.light) / 0.5, (y - base) / 0.2)
    near, far = darker(scene.tint, 0.05), lighter(scene.tint, 0.6)
    floor = _mixed(_deeper(scene.tint) if scene.backdrop == "horizon" else near, far, pool * 0.8)
    _blend(picture, floor, cover)


def _deeper(tint: Colour) -> Colour:
    """The same hue with more colour in it."""
    grey = sum(tint) / 3
    r, g, b = (min(1.0, max(0.0, grey + (c - grey) * 2.2) * 0.9) for c in tint)
    return (r, g, b)


def _window(x: Grid, y: Grid, light: float) -> Grid:
    """Slanting daylight through a window of two by three panes."""
    u = (x - 0.5) * 1.0 + (y - 0.5) * (0.55 if light <= 0 else -0.55)
    v = y - 0.45
    panes = _bar(u, 0.34) * _bar(v, 0.44)
    bars = (1 - _bar(u, 0.012)) * (1 - _bar(v - 0.15, 0.012)) * (1 - _bar(v + 0.15, 0.012))
    return np.asarray(panes * bars * 0.75, np.float32)


def _glow(u: Grid, v: Grid) -> Grid:
    return np.exp(-u * u - v * v).astype(np.float32)


def _eased(t: NDArray[np.floating[Any]]) -> Grid:
    """Smoothstep: 0 below 0, 1 above 1, and no kink between."""
    share: Grid = np.clip(t, 0, 1).astype(np.float32)
    return share * share * np.float32(3) - share * share * share * np.float32(2)


def _bar(u: Grid, half: float) -> Grid:
    return _eased((half - np.abs(u)) / 0.03 + 0.5)


def _floor_shadow(alpha: Grid, base: float, scene: Scene) -> Grid:
    """The silhouette laid on the floor, away from the lamp, and a dark line of contact."""
    side = alpha.shape[0]
    outline = Image.fromarray(np.asarray(alpha * 255, np.uint8))
    low = base * side
    slant = -0.9 if scene.light > 0 else 0.9
    squash = 0.2
    # Maps each shadow pixel to the silhouette's: below the base it reads mirrored rows.
    rise = low - 0.035 * side
    laid = outline.transform(
        outline.size,
        Image.Transform.AFFINE,
        (
            1,
            slant / squash * 0.35,
            -slant / squash * 0.35 * rise,
            0,
            1 / squash,
            low - rise / squash,
        ),
    )
    laid = laid.filter(ImageFilter.GaussianBlur(side * 0.016))
    foot = outline.transform(
        outline.size, Image.Transform.AFFINE, (1, 0, 0, 0, 2.5, low - 2.5 * (low + side * 0.007))
    )
    contact = np.array(foot, np.float32)
    contact[: int(low - side * 0.03)] = 0
    close = Image.fromarray(contact.astype(np.uint8)).filter(ImageFilter.GaussianBlur(side * 0.011))
    shade = np.asarray(laid, np.float32) * 0.34 + np.asarray(close, np.float32) * 0.75
    return np.clip(shade / 255, 0, 0.85)


def _drop_shadow(alpha: Grid, scene: Scene) -> Grid:
    side = alpha.shape[0]
    away = -1 if scene.light > 0 else 1
    outline = Image.fromarray(np.asarray(alpha * 255, np.uint8))
    shade = np.zeros_like(alpha)
    for shift, blur, depth in ((0.035, 0.03, 0.42), (0.01, 0.008, 0.34)):
        down, right = round(shift * side), round(away * shift * side * 0.7)
        image = outline.transform(outline.size, Image.Transform.AFFINE, (1, 0, -right, 0, 1, -down))
        image = image.filter(ImageFilter.GaussianBlur(blur * side))
        shade += np.asarray(image, np.float32) * (depth / 255)
    return np.clip(shade, 0, 0.7)


def _axes(side: int) -> tuple[Grid, Grid]:
    line = (np.arange(side, dtype=np.float32) + 0.5) / side
    return np.broadcast_to(line[None, :], (side, side)), np.broadcast_to(
        line[:, None], (side, side)
    )


def _mixed(first: Colour, second: Colour, share: Grid) -> Grid:
    begin = rgb(first)
    return np.asarray(begin + share[..., None] * (rgb(second) - begin), np.float32)


def _blend(picture: Grid, colour: Colour | Grid, share: Grid) -> None:
    picture += share[..., None] * (np.asarray(colour, np.float32) - picture)
