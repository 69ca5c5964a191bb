import type { Samples16 } from "./png";

/** The samples that become black and white; in between it is linear. */
export interface Window {
  readonly low: number;
  readonly high: number;
}

const LEVELS = 65536;

/** How often each level occurs, alpha not counted. */
export function histogram(samples: Samples16): Uint32Array {
  const counts = new Uint32Array(LEVELS);
  const { channels, data } = samples;
  const colours = channels > 2 ? 3 : 1;
  for (let at = 0; at < data.length; at += channels) {
    for (let c = 0; c < colours; ++c) ++counts[data[at + c]];
  }
  return counts;
}

/** What the server sees: narrow tails keep sparse bright objects on a dark field apart. */
export function automaticWindow(counts: Uint32Array): Window {
  return windowByPercentiles(counts, 0.001, 0.999);
}

/** From one fraction of all samples to another. Where both fall on one level, the whole range is taken. */
export function windowByPercentiles(counts: Uint32Array, low: number, high: number): Window {
  const window = { low: levelAt(counts, low), high: levelAt(counts, high) };
  return window.low < window.high ? window : fullRange(counts);
}

/** From the smallest sample to the largest. */
export function fullRange(counts: Uint32Array): Window {
  const low = counts.findIndex((count) => count > 0);
  let high = LEVELS - 1;
  while (high > low && counts[high] === 0) --high;
  return low < 0 ? { low: 0, high: LEVELS - 1 } : { low, high: Math.max(high, low + 1) };
}

function levelAt(counts: Uint32Array, fraction: number): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  let below = 0;
  for (let level = 0; level < LEVELS; ++level) {
    below += counts[level];
    if (below > total * fraction) return level;
  }
  return LEVELS - 1;
}

/** 8 bits for every 16-bit level. */
export function lookupTable({ low, high }: Window): Uint8ClampedArray {
  const table = new Uint8ClampedArray(LEVELS);
  const scale = 255 / Math.max(1, high - low);
  for (let level = 0; level < LEVELS; ++level) table[level] = (level - low) * scale;
  return table;
}

/** RGBA for a canvas. */
export function applyWindow(samples: Samples16, window: Window): Uint8ClampedArray<ArrayBuffer> {
  const table = lookupTable(window);
  const { channels, data } = samples;
  const rgba = new Uint8ClampedArray((data.length / channels) * 4);
  const green = channels > 2 ? 1 : 0;
  const hasAlpha = channels % 2 === 0;
  for (let from = 0, to = 0; from < data.length; from += channels, to += 4) {
    rgba[to] = table[data[from]];
    rgba[to + 1] = table[data[from + green]];
    rgba[to + 2] = table[data[from + 2 * green]];
    rgba[to + 3] = hasAlpha ? data[from + channels - 1] >> 8 : 255;
  }
  return rgba;
}
