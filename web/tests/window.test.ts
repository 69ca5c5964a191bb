import { describe, expect, it } from "vitest";
import type { Samples16 } from "../src/pictures/png";
import { applyWindow, fullRange, histogram, lookupTable, windowByPercentiles } from "../src/pictures/window";

function samples(channels: 1 | 2 | 3 | 4, ...data: number[]): Samples16 {
  return { width: data.length / channels, height: 1, channels, data: Uint16Array.from(data) };
}

describe("the window", () => {
  it("makes low black, high white, and is linear in between", () => {
    const table = lookupTable({ low: 1000, high: 2000 });
    expect([table[0], table[1000], table[1500], table[2000], table[65535]]).toEqual([0, 0, 128, 255, 255]);
  });

  it("lies between percentiles of the colours, alpha not counted", () => {
    const grey = samples(1, ...Array.from({ length: 1000 }, (_, i) => i));
    expect(windowByPercentiles(histogram(grey), 0.1, 0.9)).toEqual({ low: 100, high: 900 });
    expect(fullRange(histogram(samples(2, 10, 65535, 20, 65535)))).toEqual({ low: 10, high: 20 });
  });

  it("takes the whole range where the percentiles coincide, and has width even for one level", () => {
    const sparse = samples(1, ...new Array<number>(999).fill(5), 4000);
    expect(windowByPercentiles(histogram(sparse), 0.1, 0.9)).toEqual({ low: 5, high: 4000 });
    expect(fullRange(histogram(samples(1, 7, 7)))).toEqual({ low: 7, high: 8 });
  });

  it("gives RGBA for every number of channels", () => {
    const window = { low: 0, high: 65535 };
    expect([...applyWindow(samples(1, 65535), window)]).toEqual([255, 255, 255, 255]);
    expect([...applyWindow(samples(2, 65535, 0), window)]).toEqual([255, 255, 255, 0]);
    expect([...applyWindow(samples(3, 65535, 0, 32768), window)]).toEqual([255, 0, 128, 255]);
    expect([...applyWindow(samples(4, 0, 65535, 0, 0x80ff), window)]).toEqual([0, 255, 0, 128]);
  });
});
