import type { Bitmap } from "../src/masks/rle";

/** Blocks and single pixels, the same for the same seed; some touch the border or one another at a corner. */
export function randomMask(seed: number, width: number, height: number): Bitmap {
  let state = seed * 2654435761;
  const random = (limit: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
  const bits = new Uint8Array(width * height);
  for (let i = 0; i < 6; ++i) {
    const [x0, y0, w, h] = [random(width), random(height), 1 + random(12), 1 + random(9)];
    const value = i % 3 === 2 ? 0 : 1;
    for (let y = y0; y < Math.min(height, y0 + h); ++y) bits.fill(value, y * width + x0, y * width + Math.min(width, x0 + w));
  }
  for (let i = 0; i < 20; ++i) bits[random(bits.length)] ^= 1;
  return { width, height, bits };
}
