"""Drawn things to wear, carry or play: T-shirt, sneaker, backpack, glasses, headphones, guitar."""

import numpy as np

from visavis.drawn.canvas import (
    BLACK,
    WHITE,
    Canvas,
    Colour,
    Mask,
    Points,
    ball,
    both_sides,
    darker,
    ellipse,
    lighter,
    mix,
    pair,
    points,
    ramp,
    rounded,
    smooth,
)
from visavis.drawn.look import Look

_FLIP = np.array((-1, 1), np.float32)


def shirt(canvas: Canvas, look: Look) -> None:
    """A T-shirt laid flat: crew or V neck, short or longer sleeves, a pocket on some."""
    sleeve, waist = 0.1 + 0.22 * look.a, 0.5 + 0.07 * look.b
    deep = 0.26 if look.c > 0.5 else 0.12
    inside = both_sides((0.0, -0.76), (0.2, -0.8), (0.2, -0.7), (0.0, -0.6 + deep / 3))
    canvas.fill(inside, darker(look.main, 0.35))
    right = smooth(
        (0.3, -0.76), (0.3, -0.76), (0.56, -0.63), (0.86, -0.2 + sleeve), (0.86, -0.2 + sleeve),
        (0.62, -0.06 + sleeve), (0.62, -0.06 + sleeve), (0.44, -0.3), (0.44, -0.3),
    )  # fmt: skip
    for arm in (right, right * _FLIP):
        cloth = canvas.fill(arm, look.cloth(0.9, main=darker(look.main, 0.07)))
        canvas.bevel(cloth, 0.05, 0.7)
    hem = [(0.86, -0.2 + sleeve), (0.62, -0.06 + sleeve)]
    seam = points(*hem) * 0.965
    for line in (seam, seam * _FLIP):
        canvas.line(line, 0.012, darker(look.main, 0.4), opacity=0.6)
    tip = [(0.0, -0.74 + deep)] * (2 if deep > 0.2 else 1)
    neck = smooth(*tip, (0.15, -0.72), (0.22, -0.8), closed=False)
    side = smooth(
        (0.22, -0.8), (0.36, -0.74), (0.52, -0.62), (0.5, -0.2), (waist, 0.4), (waist + 0.01, 0.86),
        (waist + 0.01, 0.86), (0.2, 0.89), (0.0, 0.89), closed=False,
    )  # fmt: skip
    half = np.vstack([neck, side])
    body = canvas.fill(np.vstack([half, half[::-1] * _FLIP]), look.cloth(0.9))
    _folds(canvas, body)
    canvas.bevel(body, 0.05, 0.7)
    collar = np.vstack([neck[::-1] * _FLIP, neck])
    canvas.line(collar, 0.05, darker(look.main, 0.12) if look.pattern == "plain" else look.second)
    canvas.line(points((-waist, 0.82), (waist, 0.82)), 0.01, darker(look.main, 0.4), opacity=0.5)
    if look.pattern == "plain" and look.b > 0.35:
        pocket = points((0.12, -0.34), (0.38, -0.34), (0.38, -0.08), (0.25, -0.02), (0.12, -0.08))
        canvas.bevel(canvas.fill(pocket, look.second), 0.012, 0.7)


def _folds(canvas: Canvas, body: Mask) -> None:
    creases = (
        ((-0.42, -0.42), (-0.2, -0.1), (-0.28, 0.5)),
        ((0.42, -0.4), (0.2, 0.0), (0.3, 0.7)),
        ((-0.05, 0.2), (0.02, 0.5), (-0.08, 0.85)),
    )
    for crease in creases:
        line = smooth(*crease, closed=False)
        canvas.line(line, 0.05, BLACK, opacity=0.16, soft=0.03, within=body)
        canvas.line(line - pair(0.06, 0), 0.04, WHITE, opacity=0.2, soft=0.03, within=body)


def sneaker(canvas: Canvas, look: Look) -> None:
    """A sneaker from the side, low or high, with laces and a stripe."""
    high = -0.24 - 0.4 * look.a
    sole_top = 0.42
    tongue = smooth(
        (-0.2, high), (-0.02, high - 0.14), (0.08, high - 0.04), (0.2, 0.1), (-0.2, 0.1)
    )
    canvas.bevel(canvas.fill(tongue, look.second), 0.04, 0.8)
    upper = smooth(
        (-0.86, sole_top + 0.1), (-0.86, sole_top + 0.1), (-0.88, 0.1), (-0.8, high + 0.02),
        (-0.8, high + 0.02), (-0.55, high + 0.08), (-0.2, high - 0.02), (-0.1, high - 0.02),
        (0.04, -0.16), (0.3, 0.1), (0.66, 0.2), (0.88, 0.36), (0.9, sole_top + 0.1),
        (0.9, sole_top + 0.1),
    )  # fmt: skip
    body = canvas.fill(upper, look.cloth(0.8))
    canvas.fill(ellipse(0.1, 0.55, 0.95, 0.14), BLACK, opacity=0.28, soft=0.06, within=body)
    toe = smooth((0.46, 0.6), (0.46, 0.34), (0.62, 0.14), (1.0, 0.1), (1.1, 0.6))
    canvas.fill(toe, look.second if look.b > 0.5 else darker(look.main, 0.15), within=body)
    heel = smooth((-1.0, 0.6), (-1.0, -0.1), (-0.74, -0.06), (-0.6, 0.3), (-0.62, 0.6))
    canvas.fill(heel, darker(look.main, 0.25), within=body)
    _swoosh(canvas, look, body)
    collar = smooth((-0.8, high + 0.04), (-0.5, high + 0.1), (-0.14, high), closed=False)
    canvas.line(collar, 0.07, darker(look.main, 0.3), within=body)
    canvas.bevel(body, 0.08, 1.0)
    for i in range(5):
        along = i / 4
        x, y = -0.06 + 0.36 * along, max(high + 0.1, -0.3) + along * (0.06 - max(high + 0.1, -0.3))
        lace = points((x - 0.12, y + 0.1), (x + 0.05, y))
        canvas.line(lace + pair(0.0, 0.02), 0.055, BLACK, opacity=0.3, soft=0.01)
        canvas.line(lace, 0.05, WHITE if look.colour != "cream" else look.second)
    sole = smooth(
        (-0.92, sole_top), (-0.92, sole_top), (0.0, sole_top + 0.07), (0.6, sole_top),
        (0.96, sole_top - 0.04), (1.0, 0.6), (0.84, 0.7), (0.84, 0.7), (-0.86, 0.7), (-0.86, 0.7),
        (-0.96, 0.6),
    )  # fmt: skip
    tread = rounded(-0.9, 0.6, 0.88, 0.735, 0.05)
    canvas.fill(tread, mix(look.main, (0.25, 0.2, 0.18), 0.7))
    rubber = canvas.fill(sole, ramp((0, 0.4), (0, 0.7), (1, 1, 0.99), (0.8, 0.79, 0.77)))
    stripe = smooth((-0.9, 0.56), (0.0, 0.58), (0.6, 0.55), (0.97, 0.53), closed=False)
    canvas.line(stripe, 0.03, look.main, within=rubber)
    canvas.bevel(rubber, 0.03, 0.7)


def _swoosh(canvas: Canvas, look: Look, body: Mask) -> None:
    if look.pattern != "plain":
        return
    if look.c < 0.4:
        for shift in (0.0, 0.15, 0.3):
            bar = points((-0.42 + shift, 0.5), (-0.24 + shift, -0.12))
            canvas.line(bar, 0.07, look.second, within=body)
    elif look.c < 0.75:
        wave = smooth((-0.6, 0.05), (-0.3, 0.34), (0.1, 0.22), (0.34, 0.12), closed=False)
        canvas.line(wave, 0.09, look.second, within=body)
    else:
        canvas.fill(ellipse(-0.3, 0.14, 0.17, 0.17), look.second, within=body)


def backpack(canvas: Canvas, look: Look) -> None:
    """A backpack from the front: round or square top, pocket, zips, straps."""
    arch = 0.1 + 0.26 * look.a
    leather: Colour = (0.55, 0.34, 0.2)
    for side in (-1, 1):
        strap = smooth(
            (side * 0.34, -0.5), (side * 0.82, -0.2), (side * 0.8, 0.4), (side * 0.5, 0.7),
            closed=False,
        )  # fmt: skip
        canvas.bevel(canvas.line(strap, 0.13, darker(look.main, 0.35)), 0.04, 0.8)
    loop = smooth((-0.15, -0.66), (-0.14, -0.96), (0.14, -0.96), (0.15, -0.66), closed=False)
    canvas.bevel(canvas.line(loop, 0.07, leather), 0.025, 0.8)
    shell = both_sides(
        (0.0, -0.68 - arch * 0.55), (0.3, -0.66 - arch * 0.4), (0.56, -0.5 + arch * 0.3),
        (0.62, 0.0), (0.64, 0.7), (0.52, 0.86), (0.0, 0.88),
    )  # fmt: skip
    body = canvas.fill(shell, look.cloth())
    canvas.fill(ellipse(0.56, 0.1, 0.2, 0.8), BLACK, opacity=0.3, soft=0.1, within=body)
    canvas.fill(ellipse(-0.25, -0.5, 0.24, 0.16), WHITE, opacity=0.28, soft=0.1, within=body)
    canvas.bevel(body, 0.09, 1.1)
    ends = [(-0.5, -0.1), (-0.44, -0.44), (0.0, -0.56), (0.44, -0.44), (0.5, -0.1)]
    zip_line = smooth(*ends, closed=False)
    canvas.line(zip_line, 0.035, darker(look.main, 0.5))
    canvas.line(zip_line, 0.012, (0.8, 0.78, 0.72))
    if look.c > 0.5:
        for x in (-0.3, 0.3):
            band = rounded(x - 0.05, -0.5, x + 0.05, 0.3, 0.02)
            canvas.bevel(canvas.fill(band, leather), 0.015, 0.8)
            canvas.fill(rounded(x - 0.07, 0.14, x + 0.07, 0.24, 0.02), (0.86, 0.72, 0.42))
    pocket = rounded(-0.46, 0.16, 0.46, 0.74, 0.12)
    canvas.fill(pocket + pair(0.01, 0.03), BLACK, opacity=0.35, soft=0.03)
    tone = darker(look.main, 0.14) if look.b < 0.5 else mix(look.main, look.second, 0.8)
    canvas.bevel(canvas.fill(pocket, tone), 0.06, 1.0)
    canvas.line(points((-0.38, 0.27), (0.38, 0.27)), 0.03, darker(tone, 0.45))
    canvas.line(points((0.3, 0.28), (0.32, 0.4)), 0.035, leather)
    badge = rounded(-0.13, 0.42, 0.13, 0.56, 0.03)
    canvas.bevel(canvas.fill(badge, leather), 0.012, 0.6)


def glasses(canvas: Canvas, look: Look) -> None:
    """Sunglasses from the front: round, cat-eye or square lenses."""
    wide, tall = 0.36 + 0.05 * look.a, 0.3 + 0.1 * look.b
    lift = 0.14 if look.c > 0.66 else 0.0
    square = look.c < 0.33
    lens = _lens(wide, tall, lift, square)
    tint = mix(look.main, (0.1, 0.1, 0.14), 0.75)
    for side in (-1, 1):
        arm = smooth((0.84, -0.1), (0.94, -0.16), (0.86, -0.42), (0.74, -0.54), closed=False)
        arm = arm * pair(side, 1)
        canvas.bevel(canvas.line(arm, 0.07, darker(look.main, 0.3)), 0.025, 0.8)
    bridge = smooth((-0.2, -0.1), (0.0, -0.2), (0.2, -0.1), closed=False)
    canvas.bevel(canvas.line(bridge, 0.085, look.main), 0.03, 0.9)
    for side in (-1, 1):
        rim = lens * pair(side, 1) + pair(side * 0.47, 0.02)
        grown = (lens * pair(1.24, 1.26)) * pair(side, 1)
        frame = canvas.fill(grown + pair(side * 0.47, 0.02), look.cloth(0.5))
        canvas.bevel(frame, 0.035, 1.2)
        top = lighter(tint, 0.08), mix(tint, look.second, 0.55)
        glass = canvas.fill(rim, ramp((0, -tall), (0, tall), *top))
        x = side * 0.47
        gleam = points((x - 0.2, tall), (x - 0.02, -tall), (x + 0.08, -tall), (x - 0.1, tall))
        canvas.fill(gleam, WHITE, opacity=0.24, soft=0.008, within=glass)
        canvas.fill(gleam + pair(0.17, 0), WHITE, opacity=0.12, soft=0.008, within=glass)
        canvas.line(np.vstack([rim, rim[:1]]), 0.014, BLACK, opacity=0.4)


def _lens(wide: float, tall: float, lift: float, square: bool) -> Points:
    if square:
        return rounded(-wide, -tall, wide, tall, 0.13)
    return smooth(
        (-wide, -tall * 0.2), (-wide * 0.6, -tall * 0.9), (wide * 0.3, -tall - lift * 0.4),
        (wide + lift * 0.3, -tall * 0.5 - lift), (wide * 0.9, tall * 0.4), (wide * 0.3, tall),
        (-wide * 0.5, tall * 0.9),
    )  # fmt: skip


def headphones(canvas: Canvas, look: Look) -> None:
    """Over-ear headphones from the front."""
    wide, cup = 0.62 + 0.06 * look.a, 0.25 + 0.06 * look.b
    band = ellipse(0, 0.16, wide, 0.98, 0.5, 1.0)
    outer = canvas.line(band, 0.15, darker(look.main, 0.08))
    canvas.bevel(outer, 0.05, 1.1)
    canvas.line(ellipse(0, 0.2, wide - 0.09, 0.92, 0.56, 0.94), 0.1, look.second)
    pad = canvas.line(ellipse(0, 0.2, wide - 0.09, 0.92, 0.6, 0.9), 0.11, darker(look.second, 0.18))
    canvas.bevel(pad, 0.04, 0.8)
    for side in (-1, 1):
        x = side * (wide + 0.0)
        steel = rounded(x - 0.035, -0.1, x + 0.035, 0.3, 0.03)
        canvas.fill(steel, ramp((x - 0.04, 0), (x + 0.04, 0), (0.95, 0.95, 0.96), (0.5, 0.5, 0.54)))
        ear = ellipse(x - side * 0.15, 0.42, 0.15, cup + 0.1)
        canvas.bevel(canvas.fill(ear, (0.17, 0.17, 0.2)), 0.06, 1.0)
        shell = ellipse(x + side * 0.03, 0.42, 0.19, cup + 0.07)
        case = canvas.fill(shell, look.cloth(0.6))
        canvas.bevel(case, 0.07, 1.2)
        if look.c > 0.4:
            plate = canvas.fill(ellipse(x + side * 0.06, 0.42, 0.1, cup - 0.05), look.second)
            canvas.bevel(plate, 0.02, 0.9)
        shine = ellipse(x - 0.06, 0.42 - cup * 0.5, 0.04, 0.1)
        canvas.fill(shine, WHITE, opacity=0.45, soft=0.03, within=case)


def guitar(canvas: Canvas, look: Look) -> None:
    """An acoustic or an electric guitar, upright."""
    wood: Colour = (0.42, 0.26, 0.17)
    acoustic = look.c < 0.55
    grown = 1 + 0.12 * (look.b - 0.5)
    outline = _acoustic_body(grown) if acoustic else _electric_body(look.a)
    body = canvas.fill(outline, look.cloth(0.8))
    canvas.fill(ellipse(0.2, 0.8, 0.6, 0.3), BLACK, opacity=0.3, soft=0.14, within=body)
    canvas.fill(ellipse(-0.18, 0.2, 0.2, 0.2), WHITE, opacity=0.3, soft=0.1, within=body)
    canvas.bevel(body, 0.05, 1.1)
    if acoustic:
        ring = canvas.fill(ellipse(0, 0.3, 0.165, 0.165), look.second)
        canvas.bevel(ring, 0.02, 0.6)
        canvas.fill(ellipse(0, 0.3, 0.13, 0.13), ball((0.13, 0.08, 0.06), 0, 0.3, 0.2, 0))
    else:
        guard = smooth(
            (0.06, 0.1), (0.3, 0.25), (0.24, 0.6), (0.1, 0.72), (-0.12, 0.6), (-0.1, 0.2)
        )
        canvas.bevel(canvas.fill(guard, look.second, within=body), 0.015, 0.8)
        for y in (0.28, 0.5):
            pickup = rounded(-0.13, y - 0.04, 0.13, y + 0.04, 0.03)
            canvas.bevel(canvas.fill(pickup, (0.15, 0.15, 0.17)), 0.02, 1.0)
        for x, y in ((0.26, 0.66), (0.2, 0.78)):
            canvas.fill(ellipse(x, y, 0.035, 0.035), ball((0.85, 0.83, 0.78), x, y, 0.035))
    neck = points((-0.055, -0.72), (0.055, -0.72), (0.065, 0.2), (-0.065, 0.2))
    canvas.bevel(canvas.fill(neck, wood), 0.02, 0.8)
    for i in range(9):
        y = -0.68 + 0.78 * (1 - 0.87**i) / (1 - 0.87**9)
        canvas.line(points((-0.055, y), (0.055, y)), 0.01, (0.85, 0.8, 0.7))
    head = both_sides((0.0, -1.06), (0.09, -1.05), (0.12, -0.9), (0.06, -0.7))
    for side in (-1, 1):
        for y in (-0.98, -0.9, -0.82):
            canvas.fill(ellipse(side * 0.145, y, 0.035, 0.025), (0.86, 0.82, 0.72))
    canvas.bevel(canvas.fill(head, wood if acoustic else darker(look.main, 0.2)), 0.02, 0.8)
    canvas.bevel(canvas.fill(rounded(-0.17, 0.66, 0.17, 0.73, 0.02), darker(wood, 0.4)), 0.015, 0.8)
    for i in range(6):
        x = (i - 2.5) * 0.018
        canvas.line(points((x, -0.74), (x * 1.35, 0.7)), 0.006, (0.93, 0.91, 0.86), opacity=0.75)


def _acoustic_body(grown: float) -> Points:
    return both_sides(
        (0.0, 0.02), (0.2, 0.0), (0.34 * grown, 0.14), (0.3 * grown, 0.36), (0.36 * grown, 0.52),
        (0.47 * grown, 0.74), (0.34 * grown, 0.98), (0.0, 1.04),
    )  # fmt: skip


def _electric_body(horn: float) -> Points:
    return smooth(
        (-0.1, 0.16), (-0.2, 0.04), (-0.36, -0.08 - 0.08 * horn), (-0.36, 0.16), (-0.31, 0.42),
        (-0.4, 0.66), (-0.38, 0.9), (-0.1, 1.0), (0.2, 0.98), (0.42, 0.86), (0.4, 0.62),
        (0.29, 0.42), (0.32, 0.2), (0.3, 0.02), (0.18, 0.1), (0.1, 0.18),
    )  # fmt: skip
