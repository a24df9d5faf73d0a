#!/usr/bin/env python3
"""Draw the first scenes of two streams with Pillow and print their hashes (scenes.tsv).

Usage: make_scenes_tsv.py > scenes.tsv      needs pillow and numpy; made with Pillow 13.0.0.
The random numbers are those of core/random.h in the order of harness/model/scenes.c; the drawing
calls are those of harness/model/demo/train_scenes.py.
"""
import numpy as np
from PIL import Image, ImageDraw

MASK = 2**64 - 1
COLOURS = {"red": (220, 40, 40), "green": (40, 170, 60), "blue": (50, 80, 220), "yellow": (235, 210, 50),
           "purple": (150, 60, 180), "orange": (240, 140, 30), "black": (20, 20, 20), "white": (245, 245, 245)}
SHAPES = ["circle", "square", "triangle", "cross", "ring"]
PLACES = ["top left", "top right", "bottom left", "bottom right"]
NUMBERS = ["Zero", "One", "Two", "Three", "Four"]


class Stream:
    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def range(self, low, high):
        return low + (((self.next() >> 32) * (high - low + 1)) >> 32)

    def unit(self):
        return (self.next() >> 11) * 2.0**-53


def draw_shape(d, shape, colour, x, y, r):
    if shape == "circle":
        d.ellipse([x - r, y - r, x + r, y + r], fill=colour)
    elif shape == "square":
        d.rectangle([x - r, y - r, x + r, y + r], fill=colour)
    elif shape == "triangle":
        d.polygon([(x, y - r), (x - r, y + r), (x + r, y + r)], fill=colour)
    elif shape == "cross":
        w = max(2, r // 3)
        d.rectangle([x - r, y - w, x + r, y + w], fill=colour)
        d.rectangle([x - w, y - r, x + w, y + r], fill=colour)
    else:
        d.ellipse([x - r, y - r, x + r, y + r], outline=colour, width=max(3, r // 3))


def shade(rng, name):
    return tuple(min(255, max(0, v + rng.range(-12, 12))) for v in COLOURS[name])


def scene(seed, index, width, height):
    rng = Stream(seed)
    rng = Stream(rng.next() ^ (index * 0xD1342543DE82EF95 & MASK))
    names = list(COLOURS)
    background = names[rng.range(0, 7)]
    im = Image.new("RGB", (width, height), shade(rng, background))
    d = ImageDraw.Draw(im)
    count, order, things, scale = rng.range(1, 4), [0, 1, 2, 3], {}, min(width, height) / 128
    for i in range(count):
        j = rng.range(i, 3)
        place, order[j] = order[j], order[i]
        colour = [c for c in names if c != background][rng.range(0, 6)]
        shape = SHAPES[rng.range(0, 4)]
        r, dx, dy = (int(rng.range(low, high) * scale) for low, high in ((14, 26), (-5, 5), (-5, 5)))
        x = place % 2 * width // 2 + width // 4 + dx
        y = place // 2 * height // 2 + height // 4 + dy
        draw_shape(d, shape, shade(rng, colour), x, y, r)
        things[place] = (shape, colour)
    noise = np.array([rng.range(-8, 8) for _ in range(width * height * 3)]).reshape(height, width, 3)
    pixels = (np.array(im).astype(np.int16) + noise).clip(0, 255).astype(np.uint8)
    kind, taken = rng.unit(), sorted(things)
    if kind < .25:
        place = taken[rng.range(0, count - 1)]
        return pixels, f"What is in the {PLACES[place]}?", f"A {things[place][1]} {things[place][0]}."
    if kind < .40:
        return pixels, "How many shapes are there?", NUMBERS[count] + "."
    if kind < .50:
        return pixels, "What colour is the background?", background.capitalize() + "."
    if kind < .65:
        shape = SHAPES[rng.range(0, 4)]
        n = sum(t[0] == shape for t in things.values())
        return pixels, f"How many {shape}{'es' if shape == 'cross' else 's'} are there?", NUMBERS[n] + "."
    parts = (f"a {things[p][1]} {things[p][0]} in the {PLACES[p]}" for p in taken)
    return pixels, "Describe the image.", f"On a {background} background: " + ", ".join(parts) + "."


def fnv1a(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) & MASK
    return value


print("seed\tindex\twidth\theight\tfnv1a\tquestion\tanswer")
for seed, index, width, height in [(s, i, 128, 128) for s in (0, 7) for i in range(40)] + \
        [(7, 3, 640, 480), (1, 2, 65, 200), (2**63, 10**6, 333, 127)]:
    pixels, question, answer = scene(seed, index, width, height)
    print(seed, index, width, height, f"{fnv1a(pixels.tobytes()):016x}", question, answer, sep="\t")
