"""Drawn things that stand in a home: mug, teapot, vase, plant, lamp, chair, clock, book."""

import math

import numpy as np

from visavis.drawn.canvas import (
    BLACK,
    WHITE,
    Canvas,
    Colour,
    Paint,
    ball,
    darker,
    ellipse,
    lathe,
    lighter,
    mix,
    pair,
    points,
    ramp,
    rounded,
    smooth,
    turned_outline,
    turned_profile,
)
from visavis.drawn.look import Look, patterned

WOOD: Colour = (0.72, 0.51, 0.33)
BRASS: Colour = (0.85, 0.66, 0.34)
Profile = list[tuple[float, float]]


def mug(canvas: Canvas, look: Look) -> None:
    """A mug, straight or tapered, its handle round or square."""
    high, low = -0.42 - 0.22 * look.b, 0.82
    top, bottom = 0.56 + 0.06 * look.a, 0.56 - 0.16 * look.a
    profile = turned_profile(
        (top, high), (top - 0.01, high + 0.3), (bottom + 0.03, low - 0.14), (bottom - 0.05, low)
    )
    reach = 0.4 if look.c < 0.5 else 0.34
    twice = 2 if look.c >= 0.5 else 1  # corners given twice make a square handle
    corners = [(top + reach, high + 0.24)] * twice + [(bottom + reach, low - 0.42)] * twice
    handle = smooth((top - 0.06, high + 0.2), *corners, (bottom - 0.02, low - 0.26), closed=False)
    stroke = canvas.line(handle, 0.15, darker(look.main, 0.12))
    canvas.bevel(stroke, 0.05, 0.9)
    _turned(canvas, look, profile, gloss=0.55)
    _mouth(canvas, top, high, lighter(look.main, 0.25))
    inner = ellipse(0, high + 0.035, top * 0.86, top * 0.86 * canvas.tilt)
    coffee = canvas.fill(inner, ramp((-0.4, 0), (0.4, 0), (0.22, 0.11, 0.06), (0.42, 0.25, 0.15)))
    canvas.fill(
        ellipse(-0.2, high + 0.02, 0.16, 0.02), WHITE, opacity=0.35, soft=0.02, within=coffee
    )


def teapot(canvas: Canvas, look: Look) -> None:
    """A teapot: round or tall body, curved spout, lid with a knob."""
    wide, high = 0.62 + 0.1 * look.a, -0.25 - 0.2 * look.b
    body = turned_profile(
        (0.3, high), (wide * 0.8, high + 0.22), (wide, 0.3), (wide * 0.82, 0.66), (0.36, 0.82)
    )
    spout = smooth(
        (wide * 0.62, 0.5), (wide * 0.62, 0.5), (wide + 0.2, 0.12), (wide + 0.36, high + 0.08),
        (wide + 0.44, high + 0.02), (wide + 0.44, high + 0.02), (wide + 0.27, high + 0.02),
        (wide + 0.27, high + 0.02), (wide + 0.1, 0.02), (wide * 0.7, 0.05), (wide * 0.7, 0.05),
    )  # fmt: skip
    canvas.bevel(canvas.fill(spout, darker(look.main, 0.1)), 0.07, 0.9)
    handle = smooth(
        (-wide * 0.72, high + 0.2), (-wide - 0.3, high + 0.16), (-wide - 0.3, 0.42),
        (-wide * 0.8, 0.56), closed=False,
    )  # fmt: skip
    colour = WOOD if look.c > 0.6 else darker(look.main, 0.08)
    canvas.bevel(canvas.line(handle, 0.12, colour), 0.04, 0.9)
    _turned(canvas, look, body, gloss=0.6)
    lid = turned_profile((0.05, high - 0.17), (0.24, high - 0.1), (0.34, high + 0.02))
    rim = ellipse(0, high + 0.03, 0.36, 0.36 * canvas.tilt)
    canvas.fill(rim, BLACK, opacity=0.4, soft=0.015)
    canvas.fill(turned_outline(lid, canvas.tilt), lathe(_plain(look.main), lid, canvas.tilt, 0.5))
    knob = WOOD if look.c > 0.6 else look.second
    canvas.fill(ellipse(0, high - 0.22, 0.085, 0.085), ball(knob, 0, high - 0.22, 0.085))


def vase(canvas: Canvas, look: Look) -> None:
    """A vase: bottle, amphora or bowl-like, some with dry stems."""
    neck, belly, at = 0.12 + 0.16 * look.a, 0.4 + 0.2 * look.b, 0.15 + 0.3 * look.c
    lip = neck + 0.07
    if look.a > 0.4:
        _stems(canvas, look)
    profile = turned_profile(
        (lip, -0.62), (neck, -0.42), (neck + 0.05, -0.2), (belly, at), (belly * 0.75, 0.66),
        (belly * 0.52, 0.86),
    )  # fmt: skip
    _turned(canvas, look, profile, gloss=0.4)
    _mouth(canvas, lip, -0.62, darker(look.main, 0.25))


def _stems(canvas: Canvas, look: Look) -> None:
    dry: Colour = (0.76, 0.62, 0.42)
    for i, lean in enumerate((-0.34, -0.12, 0.1, 0.32)):
        tip = (lean + 0.06 * look.c, -1.02 - 0.08 * (i % 2))
        canvas.line(smooth((lean * 0.2, -0.5), (lean * 0.6, -0.8), tip, closed=False), 0.014, dry)
        for step in range(5):
            along = 0.55 + 0.1 * step
            x, y = lean * 0.2 + (tip[0] - lean * 0.2) * along, -0.5 + (tip[1] + 0.5) * along
            for side in (-1, 1):
                grain = ellipse(x + side * 0.035, y - 0.03, 0.03, 0.045)
                canvas.fill(grain, look.second if step > 2 else dry, opacity=0.95)


def plant(canvas: Canvas, look: Look) -> None:
    """A potted plant: long blades, round leaves, or a fan of pointed ones."""
    greens: tuple[Colour, ...] = ((0.16, 0.42, 0.27), (0.24, 0.55, 0.34), (0.38, 0.64, 0.36))
    count = 9 + round(4 * look.a)
    order = sorted(range(count), key=lambda i: -abs(i - (count - 1) / 2))
    for i in order:
        spread = (i / (count - 1) - 0.5) * 2
        angle = spread * (0.95 + 0.35 * look.b)
        length = (0.95 + 0.16 * math.cos(i * 2.4)) * (1.0 - 0.22 * abs(spread))
        _leaf(canvas, angle, length, 0.1 + 0.13 * look.c, greens[i % 3])
    profile = turned_profile((0.42, 0.2), (0.4, 0.34), (0.33, 0.7), (0.29, 0.86))
    _mouth(canvas, 0.42, 0.2, (0.28, 0.2, 0.15), inner=0.92)
    front = turned_outline(profile, canvas.tilt)
    arc = ellipse(0, 0.2, 0.42, 0.42 * canvas.tilt, 0, 0.5)
    front = np.vstack([front[: len(front) - 48], arc[::-1]])
    body = canvas.fill(front, lathe(look.cloth(0.8), profile, canvas.tilt, 0.25))
    canvas.line(arc, 0.02, lighter(look.main, 0.4), opacity=0.7)
    canvas.fill(ellipse(0, 0.2, 0.4, 0.1), BLACK, opacity=0.25, soft=0.03, within=body)


def _leaf(canvas: Canvas, angle: float, length: float, width: float, green: Colour) -> None:
    sin, cos = math.sin(angle), math.cos(angle)

    def at(along: float, across: float) -> tuple[float, float]:
        bend = 0.25 * along * along * sin  # leaves hang outwards
        x = sin * along * length + cos * across + bend
        y = -cos * along * length + sin * across + abs(bend) * 0.8
        return (x, 0.22 + y)

    edge = smooth(
        at(0, 0), at(0, 0), at(0.4, width * 0.5), at(0.7, width * 0.95), at(0.9, width * 0.55),
        at(1, 0), at(1, 0), at(0.9, -width * 0.55), at(0.7, -width * 0.95), at(0.4, -width * 0.5),
    )  # fmt: skip
    shade = ramp(at(0.6, width), at(0.6, -width), darker(green, 0.28), lighter(green, 0.22))
    leaf = canvas.fill(edge, shade)
    canvas.bevel(leaf, 0.02, 0.5)
    vein = smooth(at(0, 0), at(0.5, 0), at(0.97, 0), closed=False)
    canvas.line(vein, 0.014, lighter(green, 0.45), opacity=0.7)


def lamp(canvas: Canvas, look: Look) -> None:
    """A table lamp: turned or straight foot, cone or drum shade, lit."""
    metal = BRASS if look.b < 0.55 else WOOD
    if look.c < 0.5:
        foot = turned_profile((0.035, 0.0), (0.04, 0.5), (0.05, 0.74), (0.34, 0.8), (0.36, 0.86))
    else:
        foot = turned_profile((0.05, 0.0), (0.1, 0.12), (0.27, 0.45), (0.2, 0.72), (0.24, 0.86))
    canvas.fill(turned_outline(foot, canvas.tilt), lathe(_plain(metal), foot, canvas.tilt, 0.7))
    top, bottom = 0.28 + 0.26 * look.a, 0.62
    shade = [(top, -0.82), (bottom, 0.08)]
    outline = turned_outline(shade, canvas.tilt)
    body = canvas.fill(outline, lathe(look.cloth(), shade, canvas.tilt, 0.0))
    warm: Colour = (1.0, 0.9, 0.66)
    canvas.fill(ellipse(0, -0.2, 0.3, 0.36), warm, opacity=0.5, soft=0.16, within=body)
    canvas.fill(ellipse(0, 0.1, 0.5, 0.1), warm, opacity=0.5, soft=0.07, within=body)
    rim = ellipse(0, -0.82, top, top * canvas.tilt)
    canvas.fill(rim, ramp((-top, 0), (top, 0), lighter(look.main, 0.75), warm))
    for radius, y in ((top, -0.82), (bottom, 0.08)):
        front = ellipse(0, y, radius, radius * canvas.tilt, 0, 0.5)
        canvas.line(front, 0.024, lighter(look.main, 0.45), opacity=0.8)
    canvas.line(points((0.3, 0.14), (0.3, 0.44)), 0.012, darker(metal, 0.2))
    canvas.fill(ellipse(0.3, 0.47, 0.035, 0.035), ball(metal, 0.3, 0.47, 0.035))


def chair(canvas: Canvas, look: Look) -> None:
    """An upholstered chair on four legs."""
    wood = WOOD if look.c < 0.6 else (0.3, 0.2, 0.15)
    lean, arch = 0.1 * look.a, 0.08 + 0.16 * look.b
    for x, foot, low in ((-0.36, -0.42, 0.66), (0.36, 0.42, 0.66)):
        canvas.line(points((x, 0.3), (foot, low)), 0.07, darker(wood, 0.4))
    back = smooth(
        (-0.46 - lean, -0.72), (-0.46 - lean, -0.72), (0, -0.74 - arch), (0.46 + lean, -0.72),
        (0.46 + lean, -0.72), (0.5, -0.2), (0.44, 0.2), (0.44, 0.2), (-0.44, 0.2), (-0.44, 0.2),
        (-0.5, -0.2),
    )  # fmt: skip
    panel = canvas.fill(back, look.cloth())
    canvas.fill(ellipse(0.4, -0.2, 0.3, 0.8), BLACK, opacity=0.22, soft=0.12, within=panel)
    canvas.fill(ellipse(-0.2, -0.55, 0.22, 0.18), WHITE, opacity=0.25, soft=0.12, within=panel)
    canvas.bevel(panel, 0.07, 1.0)
    if look.pattern == "plain":
        for x, y in ((-0.22, -0.45), (0.22, -0.45), (0, -0.2), (-0.22, 0.02), (0.22, 0.02)):
            canvas.fill(ellipse(x, y, 0.045, 0.04), BLACK, opacity=0.35, soft=0.02)
            canvas.fill(ellipse(x, y - 0.006, 0.026, 0.024), lighter(look.main, 0.18))
    canvas.fill(ellipse(0, 0.2, 0.46, 0.08), BLACK, opacity=0.45, soft=0.04, within=panel)
    for x, foot in ((-0.47, -0.56), (0.47, 0.56)):
        leg = canvas.line(points((x, 0.36), (foot, 0.86)), 0.085, wood)
        canvas.bevel(leg, 0.025, 0.8)
    seat = rounded(-0.6, 0.12, 0.6, 0.42, 0.14)
    front = canvas.fill(seat, look.cloth(main=darker(look.main, 0.1)))
    top = smooth((-0.5, 0.13), (0.5, 0.13), (0.6, 0.24), (0.5, 0.29), (-0.5, 0.29), (-0.6, 0.24))
    canvas.fill(top, WHITE, opacity=0.26, soft=0.035, within=front)
    canvas.bevel(front, 0.06, 0.9)


def clock(canvas: Canvas, look: Look) -> None:
    """A wall clock: round or square, with marks, hands and a coloured rim."""
    face = lighter(look.second, 0.55) if look.pattern != "plain" else lighter(look.main, 0.9)
    square = look.c > 0.62
    outer = rounded(-0.8, -0.8, 0.8, 0.8, 0.3) if square else ellipse(0, 0, 0.84, 0.84)
    inner = rounded(-0.66, -0.66, 0.66, 0.66, 0.2) if square else ellipse(0, 0, 0.69, 0.69)
    rim = canvas.fill(outer, look.cloth(0.55))
    canvas.bevel(rim, 0.06, 1.3)
    dial = canvas.fill(
        inner, ramp((-0.5, -0.6), (0.5, 0.6), lighter(face, 0.5), darker(face, 0.06))
    )
    canvas.line(np.vstack([inner, inner[:1]]), 0.02, darker(look.main, 0.35), opacity=0.6)
    canvas.line(inner + pair(0.03, 0.04), 0.06, BLACK, opacity=0.25, soft=0.03, within=dial)
    ink = darker(look.main, 0.55)
    for hour in range(12):
        sin, cos = math.sin(hour * math.pi / 6), math.cos(hour * math.pi / 6)
        if look.b > 0.5:
            canvas.fill(ellipse(sin * 0.56, cos * 0.56, 0.03, 0.03), ink)
        else:
            start = 0.5 if hour % 3 else 0.44
            mark = points((sin * start, cos * start), (sin * 0.59, cos * 0.59))
            canvas.line(mark, 0.026 if hour % 3 else 0.045, ink)
    hour_hand, minute_hand = 2 * math.pi * look.a, 2 * math.pi * (0.12 + 0.8 * look.b)
    for angle, length, width in ((hour_hand, 0.32, 0.06), (minute_hand, 0.5, 0.042)):
        tip = pair(math.sin(angle), -math.cos(angle))
        hand = np.stack([tip * -0.09, tip * length])
        canvas.line(hand + pair(0.015, 0.03), width, BLACK, opacity=0.25, soft=0.012)
        canvas.line(hand, width, ink)
    canvas.fill(ellipse(0, 0, 0.06, 0.06), ball(look.main, 0, 0, 0.06))


def book(canvas: Canvas, look: Look) -> None:
    """A hardback, lying a little open to its side: cover, spine, pages, a label."""
    wide, tall = 0.54 + 0.14 * look.a, 0.78
    pages = rounded(-wide + 0.04, -tall + 0.05, wide + 0.09, tall + 0.06, 0.02)
    canvas.fill(rounded(-wide, -tall, wide + 0.12, tall + 0.1, 0.05), darker(look.main, 0.35))
    canvas.fill(pages, ramp((wide, 0), (wide + 0.09, 0), (0.98, 0.96, 0.9), (0.85, 0.81, 0.72)))
    for i in range(4):
        x = wide + 0.02 + 0.018 * i
        canvas.line(points((x, -tall + 0.07), (x, tall + 0.05)), 0.006, (0.7, 0.66, 0.58))
    cover = canvas.fill(rounded(-wide, -tall, wide, tall, 0.04), look.cloth(1.1))
    canvas.bevel(cover, 0.025, 0.8)
    spine = rounded(-wide, -tall, -wide + 0.17, tall, 0.04)
    canvas.fill(spine, darker(look.main, 0.25), within=cover)
    hinge = points((-wide + 0.18, -tall), (-wide + 0.18, tall))
    canvas.line(hinge, 0.03, BLACK, opacity=0.3, soft=0.012, within=cover)
    label = (-0.26, -0.45, 0.4, -0.05) if look.b < 0.5 else (-0.22, -0.2, 0.36, 0.3)
    paper = mix(look.second, WHITE, 0.6)
    plate = canvas.fill(rounded(*label, 0.05 if look.b < 0.5 else 0.3), paper)
    canvas.bevel(plate, 0.01, 0.5)
    middle = (label[0] + label[2]) / 2
    for i, half in enumerate((0.2, 0.2, 0.12)):
        y = label[1] + 0.12 + 0.09 * i + (0.06 if look.b >= 0.5 else 0)
        canvas.line(points((middle - half, y), (middle + half, y)), 0.032, darker(look.main, 0.3))
    canvas.fill(ellipse(-0.3, -0.6, 0.5, 0.3), WHITE, opacity=0.2, soft=0.2, within=cover)
    if look.c > 0.5:
        ribbon = points((0.3, tall), (0.42, tall), (0.42, 1.0), (0.36, 0.94), (0.3, 1.0))
        canvas.fill(ribbon, look.second)


def _plain(colour: Colour) -> Paint:
    return patterned(colour, colour, "plain")


def _turned(canvas: Canvas, look: Look, profile: Profile, gloss: float) -> None:
    surface = lathe(look.cloth(), profile, canvas.tilt, gloss)
    canvas.fill(turned_outline(profile, canvas.tilt), surface)


def _mouth(canvas: Canvas, radius: float, y: float, colour: Colour, inner: float = 0.91) -> None:
    """The open top of a vessel: its lip and the dark inside."""
    canvas.fill(ellipse(0, y, radius, radius * canvas.tilt), lighter(colour, 0.45))
    hole = ellipse(0, y + 0.008, radius * inner, radius * inner * canvas.tilt)
    canvas.fill(hole, ramp((-radius, 0), (radius, 0), darker(colour, 0.55), darker(colour, 0.15)))
