import { readFileSync } from "node:fs";
import { deflateSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { crc32 } from "../src/pictures/crc32";
import { decodePng16, encodeGreyPng, isPng16, joinBytes } from "../src/pictures/png";

describe("16-bit PNG", () => {
  it("gives back what was written", async () => {
    const pixels = Uint16Array.from({ length: 7 * 5 }, (_, i) => (i * 1871) & 0xffff);
    const file = await encodeGreyPng(7, 5, pixels);
    expect(isPng16(file)).toBe(true);
    expect(await decodePng16(file)).toEqual({ width: 7, height: 5, channels: 1, data: pixels });
  });

  it("undoes every filter", async () => {
    const [width, channels] = [5, 3];
    const rows = Array.from({ length: 10 }, (_, y) => Uint8Array.from({ length: width * 6 }, (_, i) => (y * 71 + i * i * 13) & 255));
    const filtered = rows.map((row, y) => filterRow(y % 5, row, y > 0 ? rows[y - 1] : new Uint8Array(width * 6), 6));
    const samples = await decodePng16(png(width, rows.length, 2, 0, joinBytes(filtered)));
    expect(samples.channels).toBe(channels);
    expect([...samples.data]).toEqual(rows.flatMap((row) => wide(row)));
  });

  it("puts interlaced pixels where they belong", async () => {
    const [width, height] = [9, 7];
    const level = (x: number, y: number): number => y * 1000 + x;
    const starts = [[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2], [0, 1, 1, 2]];
    const rows: number[] = [];
    for (const [x0, y0, dx, dy] of starts) {
      for (let y = y0; y < height && x0 < width; y += dy) {
        rows.push(0);
        for (let x = x0; x < width; x += dx) rows.push(level(x, y) >> 8, level(x, y) & 255);
      }
    }
    const { data } = await decodePng16(png(width, height, 0, 1, Uint8Array.from(rows)));
    data.forEach((value, i) => expect(value).toBe(level(i % width, Math.floor(i / width))));
  });

  it("is told from PNG of 8 bits and from other files", async () => {
    expect(isPng16(await encodeGreyPng(2, 2, new Uint8Array(4)))).toBe(false);
    expect(isPng16(new Uint8Array(100))).toBe(false);
    expect(isPng16(readFileSync(new URL("../public/favicon.svg", import.meta.url)))).toBe(false);
  });

  it("is refused with a reason at whatever byte it is cut off", async () => {
    const file = await encodeGreyPng(9, 9, Uint16Array.from({ length: 81 }, (_, i) => i * 700));
    const end = file.length - 16;  // the end mark and the check sum before it are not looked at
    for (let length = 0; length < end; ++length) {
      await expect(decodePng16(file.subarray(0, length)), `${length} bytes`).rejects.toThrow(/PNG|compressed data/);
    }
  });

  it("stops where more comes out than the header says, or less", async () => {
    const swollen = png(4, 4, 0, 0, new Uint8Array(5_000_000));
    await expect(decodePng16(swollen)).rejects.toThrow("more than the 36 bytes expected");
    await expect(decodePng16(png(4, 4, 0, 0, new Uint8Array(20)))).rejects.toThrow("holds 20 bytes; expected 36");
    await expect(decodePng16(png(60000, 60000, 0, 0, new Uint8Array(9)))).rejects.toThrow("too many");
    await expect(decodePng16(png(0, 4, 0, 0, new Uint8Array(9)))).rejects.toThrow("0 x 4");
    await expect(decodePng16(png(1, 1, 0, 0, Uint8Array.from([9, 0, 0])))).rejects.toThrow("filter 9");
    await expect(decodePng16(png(1, 1, 3, 0, new Uint8Array(3)))).rejects.toThrow("colour type 3");
  });
});

function wide(row: Uint8Array): number[] {
  return Array.from({ length: row.length / 2 }, (_, i) => (row[2 * i] << 8) | row[2 * i + 1]);
}

// The definitions in the PNG specification, section 9.
function filterRow(filter: number, row: Uint8Array, above: Uint8Array, step: number): Uint8Array {
  const left = (values: Uint8Array, i: number): number => (i < step ? 0 : values[i - step]);
  const paeth = (a: number, b: number, c: number): number => {
    const [pa, pb, pc] = [Math.abs(b - c), Math.abs(a - c), Math.abs(a + b - 2 * c)];
    return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
  };
  const predicted = (i: number): number =>
    [0, left(row, i), above[i], (left(row, i) + above[i]) >> 1, paeth(left(row, i), above[i], left(above, i))][filter];
  return Uint8Array.from([filter, ...row.map((value, i) => value - predicted(i))]);
}

function png(width: number, height: number, colourType: number, interlace: number, rows: Uint8Array): Uint8Array {
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([16, colourType, 0, 0, interlace], 8);
  const signature = Uint8Array.from([137, 80, 78, 71, 13, 10, 26, 10]);
  return joinBytes([signature, chunk("IHDR", header), chunk("IDAT", deflateSync(rows)), chunk("IEND", new Uint8Array())]);
}

function chunk(type: string, body: Uint8Array): Uint8Array {
  const named = joinBytes([new TextEncoder().encode(type), body]);
  const numbers = new DataView(new ArrayBuffer(8));
  numbers.setUint32(0, body.length);
  numbers.setUint32(4, crc32(named));
  const bytes = new Uint8Array(numbers.buffer);
  return joinBytes([bytes.subarray(0, 4), named, bytes.subarray(4)]);
}
