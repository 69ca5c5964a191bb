import { encodeGreyPng } from "./png";

/** A drawn fluorescence picture: grey, 16 bits, most of it dark, so that the window matters. */
export async function drawSample16(width = 900, height = 640): Promise<Uint8Array> {
  const random = numbers(7);
  const pixels = new Float32Array(width * height).fill(900);
  const nuclei: Nucleus[] = [];
  for (let tries = 0; tries < 400 && nuclei.length < 38; ++tries) {
    const nucleus = {
      x: random() * width,
      y: random() * height,
      radius: 20 + random() * 26,
      stretch: 0.8 + random() * 0.4,
      turn: random() * Math.PI,
      level: 2500 + random() * random() * 26000,
    };
    if (nuclei.some((other) => touches(nucleus, other))) continue;
    nuclei.push(nucleus);
    drawNucleus(pixels, width, height, nucleus);
  }
  const noisy = Uint16Array.from(pixels, (level) => Math.max(0, level + (random() + random() - 1) * Math.sqrt(level) * 6));
  return encodeGreyPng(width, height, noisy);
}

interface Nucleus {
  readonly x: number;
  readonly y: number;
  readonly radius: number;
  readonly stretch: number;
  readonly turn: number;
  readonly level: number;
}

function touches(a: Nucleus, b: Nucleus): boolean {
  return Math.hypot(a.x - b.x, a.y - b.y) < 0.95 * (a.radius + b.radius);
}

function drawNucleus(pixels: Float32Array, width: number, height: number, nucleus: Nucleus): void {
  const reach = nucleus.radius * 2.2;
  const [cos, sin] = [Math.cos(nucleus.turn), Math.sin(nucleus.turn)];
  for (let y = Math.max(0, Math.floor(nucleus.y - reach)); y < Math.min(height, nucleus.y + reach); ++y) {
    for (let x = Math.max(0, Math.floor(nucleus.x - reach)); x < Math.min(width, nucleus.x + reach); ++x) {
      const [dx, dy] = [x - nucleus.x, y - nucleus.y];
      const u = (dx * cos + dy * sin) * nucleus.stretch;
      const v = (dy * cos - dx * sin) / nucleus.stretch;
      const distance = Math.hypot(u, v) / nucleus.radius;
      const edge = 1 / (1 + Math.exp((distance - 1) * 22));
      const texture = 0.9 + 0.16 * Math.sin(u * 0.09 + nucleus.x) * Math.cos(v * 0.07 + nucleus.y);
      pixels[y * width + x] = Math.max(pixels[y * width + x], 900 + nucleus.level * edge * texture);
    }
  }
}

// The same picture every time.
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
