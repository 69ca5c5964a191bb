import { describe, expect, it } from "vitest";
import { outlinesOf, signedArea2, simplify, traceOutlines, type Ring } from "../src/masks/outlines";
import { encode, type Bitmap } from "../src/masks/rle";
import { randomMask } from "./random_mask";

// Even-odd filling: a pixel is set when an odd number of edges lie to the left of its middle.
function fill(rings: readonly Ring[], width: number, height: number): Uint8Array {
  const bits = new Uint8Array(width * height);
  for (const ring of rings) {
    for (let i = 0; i < ring.length; i += 2) {
      const j = (i + 2) % ring.length;
      if (ring[i] !== ring[j]) continue;
      const [top, bottom] = [Math.min(ring[i + 1], ring[j + 1]), Math.max(ring[i + 1], ring[j + 1])];
      for (let y = top; y < bottom; ++y) for (let x = ring[i]; x < width; ++x) bits[y * width + x] ^= 1;
    }
  }
  return bits;
}

function mask(...rows: string[]): Bitmap {
  const bits = Uint8Array.from(rows.join(""), (character) => Number(character === "#"));
  return { width: rows[0].length, height: rows.length, bits };
}

describe("outlines", () => {
  it("give the mask back when filled", () => {
    for (let seed = 1; seed <= 200; ++seed) {
      const bitmap = randomMask(seed, 31, 19);
      expect(fill(traceOutlines(bitmap), 31, 19), `seed ${seed}`).toEqual(bitmap.bits);
    }
  });

  it("run clockwise around objects and the other way around holes", () => {
    const rings = traceOutlines(mask("####", "#..#", "####"));
    expect(rings.map(signedArea2)).toEqual([24, -4]);
    expect(rings[0]).toEqual([4, 0, 4, 3, 0, 3, 0, 0]);
  });

  it("keep pixels apart that touch at a corner only", () => {
    expect(traceOutlines(mask("#.", ".#"))).toHaveLength(2);
  });

  it("are in image pixels when made from run lengths", () => {
    expect(outlinesOf(encode(mask("....", "..#.", "....")))).toEqual([[3, 1, 3, 2, 2, 2, 2, 1]]);
    expect(outlinesOf(encode(mask("..", "..")))).toEqual([]);
  });

  it("lose stairs but move by no more than the tolerance when simplified", () => {
    const disc: Bitmap = { width: 200, height: 200, bits: new Uint8Array(40000) };
    disc.bits.forEach((_, i) => (disc.bits[i] = Number(Math.hypot((i % 200) - 99.5, Math.floor(i / 200) - 99.5) < 80)));
    const [ring] = traceOutlines(disc);
    const simple = simplify(ring, 1);
    expect(simple.length).toBeLessThan(ring.length / 4);
    for (let i = 0; i < simple.length; i += 2) {
      expect(Math.abs(Math.hypot(simple[i] - 100, simple[i + 1] - 100) - 80)).toBeLessThan(1.5);
    }
    expect(Math.abs(signedArea2(simple) / signedArea2(ring) - 1)).toBeLessThan(0.02);
    expect(simplify(ring, 0)).toBe(ring);
  });
});
