/** Binary masks as COCO run lengths: column-major, alternating zeros and ones, starting with zeros. */

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface Rle extends Size {
  readonly counts: Uint32Array;
}

/** One byte a pixel, 0 or 1, rows from the top. */
export interface Bitmap extends Size {
  readonly bits: Uint8Array;
}

/** x, y of the first pixel; width and height count pixels. All zero for an empty mask. */
export interface Extent extends Size {
  readonly x: number;
  readonly y: number;
}

/** COCO's form: counts as numbers, or as its compressed text. */
export interface RleJson {
  size: [height: number, width: number];
  counts: string | number[];
}

/** Throws when the lengths do not fill the picture. */
export function rleFromJson(json: RleJson): Rle {
  const [height, width] = json.size;
  const counts = typeof json.counts === "string" ? parseCounts(json.counts) : json.counts;
  let pixels = 0;
  for (const count of counts) {
    if (!(count >= 0)) throw new Error(`mask: a run of ${count} pixels`);
    pixels += count;
  }
  if (pixels !== width * height) throw new Error(`mask: runs of ${pixels} pixels for ${width} x ${height}`);
  return { width, height, counts: Uint32Array.from(counts) };
}

export function rleToJson(rle: Rle): RleJson {
  return { size: [rle.height, rle.width], counts: writeCounts(rle.counts) };
}

// COCO's text holds 5 bits a character, lowest first, 0x20 for "more follows", 0x10 for the sign of the last, and,
// from the third run on, differences to the run before the last.
function parseCounts(text: string): number[] {
  const counts: number[] = [];
  let at = 0;
  while (at < text.length) {
    let value = 0;
    let scale = 1;
    let character: number;
    do {
      character = text.charCodeAt(at++) - 48;
      if (!(character >= 0 && character < 64)) throw new Error("mask: a character outside COCO's alphabet");
      value += (character & 0x1f) * scale;
      scale *= 32;
    } while (character & 0x20);
    if (character & 0x10) value -= scale;
    counts.push(counts.length > 2 ? value + counts[counts.length - 2] : value);
  }
  return counts;
}

function writeCounts(counts: Uint32Array): string {
  let text = "";
  counts.forEach((count, i) => {
    let value = i > 2 ? count - counts[i - 2] : count;
    for (let more = true; more; ) {
      const low = value & 0x1f;
      value = Math.floor(value / 32);
      more = low & 0x10 ? value !== -1 : value !== 0;
      text += String.fromCharCode(48 + (more ? low | 0x20 : low));
    }
  });
  return text;
}

/** The part of the mask in `box`, which must hold all of its ones; by default the whole picture. */
export function decode(rle: Rle, box: Extent = { x: 0, y: 0, width: rle.width, height: rle.height }): Bitmap {
  const bits = new Uint8Array(box.width * box.height);
  forEachRun(rle, (x, y, length) => {
    const first = (y - box.y) * box.width + x - box.x;
    for (let row = 0; row < length; ++row) bits[first + row * box.width] = 1;
  });
  return { width: box.width, height: box.height, bits };
}

export function encode(bitmap: Bitmap): Rle {
  const { width, height, bits } = bitmap;
  const counts: number[] = [];
  let value = 0;
  let run = 0;
  for (let x = 0; x < width; ++x) {
    for (let y = 0; y < height; ++y) {
      const bit = bits[y * width + x] ? 1 : 0;
      if (bit !== value) {
        counts.push(run);
        run = 0;
        value = bit;
      }
      ++run;
    }
  }
  counts.push(run);
  return { width, height, counts: Uint32Array.from(counts) };
}

/** Calls `visit` for every vertical run of ones; runs never cross a column. */
export function forEachRun(rle: Rle, visit: (x: number, y: number, length: number) => void): void {
  let at = 0;
  rle.counts.forEach((count, i) => {
    const end = at + count;
    if (i % 2 === 1) {
      while (at < end) {
        const y = at % rle.height;
        const length = Math.min(end - at, rle.height - y);
        visit((at - y) / rle.height, y, length);
        at += length;
      }
    }
    at = end;
  });
}

export function area(rle: Rle): number {
  let ones = 0;
  for (let i = 1; i < rle.counts.length; i += 2) ones += rle.counts[i];
  return ones;
}

export function extent(rle: Rle): Extent {
  let [x0, y0, x1, y1] = [Infinity, Infinity, 0, 0];
  forEachRun(rle, (x, y, length) => {
    x0 = Math.min(x0, x);
    y0 = Math.min(y0, y);
    x1 = Math.max(x1, x + 1);
    y1 = Math.max(y1, y + length);
  });
  return x1 === 0 ? { x: 0, y: 0, width: 0, height: 0 } : { x: x0, y: y0, width: x1 - x0, height: y1 - y0 };
}

export function contains(rle: Rle, x: number, y: number): boolean {
  if (!(x >= 0 && y >= 0 && x < rle.width && y < rle.height)) return false;
  const index = Math.floor(x) * rle.height + Math.floor(y);
  let end = 0;
  for (let i = 0; i < rle.counts.length; ++i) {
    end += rle.counts[i];
    if (index < end) return i % 2 === 1;
  }
  return false;
}
