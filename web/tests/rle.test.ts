import { describe, expect, it } from "vitest";
import { area, contains, decode, encode, extent, rleFromJson, rleToJson, type Bitmap } from "../src/masks/rle";
import { randomMask } from "./random_mask";

// examples/pictures/micrograph.png, MobileSAM, --point 300,200, the first mask.
const CELL =
  "dnU5b0Yg0;H5J5L4M3L3M3M3L4N2M3M3N2N2N2N1O2O0O2O1N1O100O2N1O101N101N10000000000O10000000000001O0O1" +
  "00000001N101O0O2O000O2O000O2O000O101N101N101N1O2O1N101N101N2N2O1N2N2O2M2N3M2N3M3M2N3M4K4L4K8F_Qe`0";
const SQUARE: Bitmap = { width: 4, height: 3, bits: Uint8Array.from([0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 1, 0]) };

describe("run lengths", () => {
  it("are column-major and start with zeros", () => {
    expect([...encode(SQUARE).counts]).toEqual([4, 2, 1, 2, 3]);
  });

  it("read what facet predict --json printed for a cell of the sample picture, and write it the same", () => {
    const rle = rleFromJson({ size: [768, 1024], counts: CELL });
    expect(area(rle)).toBe(6387);
    expect(extent(rle)).toEqual({ x: 221, y: 171, width: 92, height: 90 });
    expect(rleToJson(rle).counts).toBe(CELL);
  });

  it("write differences to the run before the last from the fourth run on", () => {
    expect(rleToJson(block(5, 5, 1, 1, 3, 3)).counts).toBe("6320004");
  });

  it("survive text and back for every kind of mask", () => {
    for (let seed = 1; seed <= 60; ++seed) {
      const mask = randomMask(seed, 37, 23);
      const rle = rleFromJson(rleToJson(encode(mask)));
      expect(decode(rle).bits).toEqual(mask.bits);
    }
  });

  it("know their area, extent and pixels", () => {
    const rle = encode(SQUARE);
    expect(area(rle)).toBe(4);
    expect(extent(rle)).toEqual({ x: 1, y: 1, width: 2, height: 2 });
    expect(contains(rle, 1.9, 2.9)).toBe(true);
    expect(contains(rle, 0.9, 1)).toBe(false);
    expect(contains(rle, 4, 1)).toBe(false);
    expect(extent(encode({ ...SQUARE, bits: new Uint8Array(12) }))).toEqual({ x: 0, y: 0, width: 0, height: 0 });
  });

  it("decode within their extent as in the whole picture", () => {
    const rle = block(9, 7, 3, 2, 4, 3);
    const part = decode(rle, extent(rle));
    expect(part).toEqual({ width: 4, height: 3, bits: new Uint8Array(12).fill(1) });
  });

  it("are refused when they do not fill the picture or use other characters", () => {
    expect(() => rleFromJson({ size: [3, 4], counts: [4, 2] })).toThrow("runs of 6 pixels for 4 x 3");
    expect(() => rleFromJson({ size: [3, 4], counts: [14, -2] })).toThrow("a run of -2");
    expect(() => rleFromJson({ size: [3, 4], counts: " " })).toThrow("alphabet");
  });
});

function block(width: number, height: number, x0: number, y0: number, w: number, h: number) {
  const bits = new Uint8Array(width * height);
  for (let y = y0; y < y0 + h; ++y) bits.fill(1, y * width + x0, y * width + x0 + w);
  return encode({ width, height, bits });
}
