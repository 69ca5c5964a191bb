#!/usr/bin/env python3
"""Draws micrograph.png: cells as a bright-field microscope shows them. Deterministic, standard library only.

    python3 examples/pictures/draw_micrograph.py [--centres] [FILE.png]

The picture is own work and is not a photograph of anything. --centres lists the cells that were drawn, as
`x y longer-half-axis shorter-half-axis` in pixels.
"""
import array
import math
import pathlib
import random
import struct
import sys
import zlib

WIDTH, HEIGHT = 1024, 768
SEED = 20240611
CELLS = 26


class Cell:
    """A blob whose outline is an ellipse with a few low harmonics."""

    def __init__(self, rng, x, y, size):
        self.x, self.y = x, y
        stretch = rng.uniform(1.0, 1.45)
        self.a, self.b = size * math.sqrt(stretch), size / math.sqrt(stretch)
        angle = rng.uniform(0, math.pi)
        self.cos, self.sin = math.cos(angle), math.sin(angle)
        self.waves = [(k, rng.uniform(0, 0.075) / math.sqrt(k - 1), rng.uniform(0, 2 * math.pi)) for k in (2, 3, 5)]
        self.depth = rng.uniform(0.8, 1.2)  # how strongly it stands out
        self.nucleus = (rng.uniform(-0.2, 0.2), rng.uniform(-0.2, 0.2), rng.uniform(0.30, 0.42))
        self.grains = [(rng.uniform(-0.6, 0.6), rng.uniform(-0.6, 0.6), rng.uniform(0.035, 0.08),
                        rng.choice((-1, 1)) * rng.uniform(8, 20)) for _ in range(int(size / 3))]

    def reach(self):
        return self.a * 1.2 + 26

    def shade(self, px, py):
        """What the cell adds to the brightness at a pixel."""
        dx, dy = px - self.x, py - self.y
        u = (dx * self.cos + dy * self.sin) / self.a
        v = (dy * self.cos - dx * self.sin) / self.b
        r = math.hypot(u, v)
        theta = math.atan2(v, u)
        edge = 1.0 + sum(height * math.cos(k * theta + phase) for k, height, phase in self.waves)
        outside = (r / edge - 1.0) * self.b  # pixels from the outline, negative inside
        value = 30.0 * math.exp(-((outside - 6.0) / 5.5) ** 2)  # halo
        value -= 52.0 * math.exp(-((outside + 1.5) / 3.2) ** 2)  # membrane
        inside = 1.0 / (1.0 + math.exp(min(60.0, max(-60.0, outside / 1.6))))
        if inside > 1e-4:
            body = -24.0 + 13.0 * max(0.0, 1.0 - (r / edge) ** 2)
            body += 10.0 * (u * 0.6 - v * 0.8)  # oblique light
            nx, ny, nr = self.nucleus
            n = math.hypot(u - nx, v - ny) / nr
            body -= 24.0 / (1.0 + math.exp(min(60.0, (n - 1.0) * 11.0)))
            body -= 16.0 * math.exp(-(n / 0.28) ** 2)  # nucleolus
            for gx, gy, gr, strength in self.grains:
                g = ((u - gx) ** 2 + (v - gy) ** 2) / (gr * gr)
                if g < 9.0:
                    body += strength * math.exp(-g)
            value += inside * body
        return self.depth * value


def place_cells(rng):
    cells = []
    while len(cells) < CELLS:
        size = rng.choice((22, 30, 38, 46, 56, 66)) * rng.uniform(0.88, 1.12)
        x, y = rng.uniform(15, WIDTH - 15), rng.uniform(15, HEIGHT - 15)
        if all(math.hypot(x - c.x, y - c.y) > size * 1.22 + c.a * 1.1 + 6 for c in cells):
            cells.append(Cell(rng, x, y, size))
    return cells


def smooth_noise(rng, step):
    """Values of a bicubic-like interpolated grid of random numbers, one a pixel."""
    columns, rows = WIDTH // step + 3, HEIGHT // step + 3
    grid = [[rng.gauss(0, 1) for _ in range(columns)] for _ in range(rows)]
    ease = [(i / step) ** 2 * (3 - 2 * i / step) for i in range(step)]
    field = array.array("d")
    for y in range(HEIGHT):
        top, bottom, fy = grid[y // step], grid[y // step + 1], ease[y % step]
        line = [t + (b - t) * fy for t, b in zip(top, bottom)]
        field.extend(line[x // step] + (line[x // step + 1] - line[x // step]) * ease[x % step] for x in range(WIDTH))
    return field


def background(rng):
    coarse, medium, fine = smooth_noise(rng, 96), smooth_noise(rng, 13), smooth_noise(rng, 4)
    picture = array.array("d")
    for y in range(HEIGHT):
        for x in range(WIDTH):
            i = y * WIDTH + x
            lamp = 1.0 - 0.20 * (((x - 590) / 700) ** 2 + ((y - 330) / 560) ** 2)  # uneven illumination
            picture.append(158.0 * lamp + 3.5 * coarse[i] + 2.0 * medium[i] + 1.6 * fine[i])
    return picture


def add_debris(rng, picture):
    """Specks with a diffraction ring, out of focus to different degrees."""
    for _ in range(70):
        x, y, radius = rng.uniform(0, WIDTH), rng.uniform(0, HEIGHT), rng.uniform(0.9, 3.2)
        strength = rng.uniform(-45, -12) if rng.random() < 0.75 else rng.uniform(10, 25)
        reach = int(radius * 5) + 1
        for py in range(max(0, int(y) - reach), min(HEIGHT, int(y) + reach + 1)):
            for px in range(max(0, int(x) - reach), min(WIDTH, int(x) + reach + 1)):
                r = math.hypot(px - x, py - y) / radius
                picture[py * WIDTH + px] += strength * (math.exp(-r * r) - 0.35 * math.exp(-((r - 2.2) / 0.7) ** 2))


def add_cells(cells, picture):
    for cell in cells:
        reach = int(cell.reach())
        for py in range(max(0, int(cell.y) - reach), min(HEIGHT, int(cell.y) + reach + 1)):
            for px in range(max(0, int(cell.x) - reach), min(WIDTH, int(cell.x) + reach + 1)):
                picture[py * WIDTH + px] += cell.shade(px, py)


def to_bytes(rng, picture):
    """8 bits, with the camera's noise: shot noise grows with the root of the light."""
    return bytes(max(0, min(255, round(value + rng.gauss(0, 0.16) * math.sqrt(max(value, 1.0))))) for value in picture)


def png(grey):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = bytearray()
    for y in range(HEIGHT):
        row = grey[y * WIDTH:(y + 1) * WIDTH]
        rows.append(1)  # filter "sub"
        rows.extend((value - before) & 255 for value, before in zip(row, b"\0" + row))
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 0, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(rows), 9)) +
            chunk(b"IEND", b""))


def main(arguments):
    rng = random.Random(SEED)
    cells = place_cells(rng)
    if "--centres" in arguments:
        for cell in cells:
            print(f"{cell.x:.0f} {cell.y:.0f} {cell.a:.0f} {cell.b:.0f}")
        return
    picture = background(rng)
    add_debris(rng, picture)
    add_cells(cells, picture)
    target = arguments[0] if arguments else pathlib.Path(__file__).with_name("micrograph.png")
    pathlib.Path(target).write_bytes(png(to_bytes(rng, picture)))


if __name__ == "__main__":
    main(sys.argv[1:])
