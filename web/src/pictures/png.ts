import { crc32 } from "./crc32";
import { deflate, inflate } from "./zlib";

/** Samples as they are in the file: `channels` per pixel, rows from the top, 16 bits. */
export interface Samples16 {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 2 | 3 | 4;
  readonly data: Uint16Array;
}

interface Header {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colourType: number;
  readonly interlaced: boolean;
}

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
const CHANNELS: Readonly<Record<number, 1 | 2 | 3 | 4>> = { 0: 1, 2: 3, 4: 2, 6: 4 };
// What a page can hold beside the picture that the browser shows.
const MAX_PIXELS = 100_000_000;

export function isPng(bytes: Uint8Array): boolean {
  return SIGNATURE.every((value, i) => bytes[i] === value);
}

/** Whether these bytes are a PNG file with 16 bits a sample; never throws. */
export function isPng16(bytes: Uint8Array): boolean {
  return isPng(bytes) && bytes.length >= 33 && readHeader(bytes).depth === 16;
}

/** Decodes a 16-bit PNG file (grey or RGB, with or without alpha, interlaced or not). Throws an Error that says what
 * is wrong with it. */
export async function decodePng16(bytes: Uint8Array): Promise<Samples16> {
  if (!isPng16(bytes)) throw new Error("PNG: not a file with 16 bits a sample");
  const header = readHeader(bytes);
  const { width, height, colourType } = header;
  const channels = CHANNELS[colourType];
  if (!channels) throw new Error(`PNG: colour type ${colourType} with 16 bits`);
  if (width === 0 || height === 0) throw new Error(`PNG: ${width} x ${height} pixels`);
  if (width * height > MAX_PIXELS) throw new Error(`PNG: ${width} x ${height} pixels are too many for this page`);
  const passes = header.interlaced ? adam7(width, height) : [wholePicture(width, height)];
  const size = passes.reduce((sum, pass) => sum + pass.height * (1 + pass.width * channels * 2), 0);
  const filtered = await inflate(imageData(bytes), size);
  const data = new Uint16Array(width * height * channels);
  let at = 0;
  for (const pass of passes) {
    const rows = filtered.subarray(at, (at += pass.height * (1 + pass.width * channels * 2)));
    unfilter(rows, pass.width * channels * 2, channels * 2);
    placePass(data, width, channels, rows, pass);
  }
  return { width, height, channels, data };
}

function readHeader(bytes: Uint8Array): Header {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    width: view.getUint32(16),
    height: view.getUint32(20),
    depth: bytes[24],
    colourType: bytes[25],
    interlaced: bytes[28] === 1,
  };
}

function imageData(bytes: Uint8Array): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts: Uint8Array[] = [];
  for (let at = SIGNATURE.length; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (length > bytes.length - at - 12) throw new Error(`PNG: chunk ${type} ends outside the file`);
    if (type === "IDAT") parts.push(bytes.subarray(at + 8, at + 8 + length));
    if (type === "IEND") break;
    at += 12 + length;
  }
  if (parts.length === 0) throw new Error("PNG: no picture in the file");
  return parts;
}

interface Pass {
  readonly x0: number;
  readonly y0: number;
  readonly dx: number;
  readonly dy: number;
  readonly width: number;
  readonly height: number;
}

function wholePicture(width: number, height: number): Pass {
  return { x0: 0, y0: 0, dx: 1, dy: 1, width, height };
}

function adam7(width: number, height: number): Pass[] {
  const starts = [[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2], [0, 1, 1, 2]];
  return starts
    .map(([x0, y0, dx, dy]) => ({
      ...{ x0, y0, dx, dy },
      width: Math.max(0, Math.ceil((width - x0) / dx)),
      height: Math.max(0, Math.ceil((height - y0) / dy)),
    }))
    .filter((pass) => pass.width > 0 && pass.height > 0);
}

// In place; each row is a filter byte and `stride` bytes. `step` is the distance to the sample on the left.
function unfilter(rows: Uint8Array, stride: number, step: number): void {
  const none = new Uint8Array(stride);
  let above: Uint8Array = none;
  for (let at = 0; at < rows.length; at += stride + 1) {
    const row = rows.subarray(at + 1, at + 1 + stride);
    unfilterRow(rows[at], row, above, step);
    above = row;
  }
}

function unfilterRow(filter: number, row: Uint8Array, above: Uint8Array, step: number): void {
  switch (filter) {
    case 0:
      return;
    case 1:
      for (let i = step; i < row.length; ++i) row[i] += row[i - step];
      return;
    case 2:
      for (let i = 0; i < row.length; ++i) row[i] += above[i];
      return;
    case 3:
      for (let i = 0; i < row.length; ++i) row[i] += ((i < step ? 0 : row[i - step]) + above[i]) >> 1;
      return;
    case 4:
      for (let i = 0; i < row.length; ++i) {
        row[i] += i < step ? above[i] : paeth(row[i - step], above[i], above[i - step]);
      }
      return;
    default:
      throw new Error(`PNG: filter ${filter}`);
  }
}

function paeth(left: number, above: number, corner: number): number {
  const p = left + above - corner;
  const [dl, da, dc] = [Math.abs(p - left), Math.abs(p - above), Math.abs(p - corner)];
  if (dl <= da && dl <= dc) return left;
  return da <= dc ? above : corner;
}

function placePass(data: Uint16Array, width: number, channels: number, rows: Uint8Array, pass: Pass): void {
  let from = 0;
  for (let y = 0; y < pass.height; ++y) {
    ++from;  // the filter byte
    for (let x = 0; x < pass.width; ++x) {
      let to = ((pass.y0 + y * pass.dy) * width + pass.x0 + x * pass.dx) * channels;
      for (let c = 0; c < channels; ++c, from += 2) data[to++] = (rows[from] << 8) | rows[from + 1];
    }
  }
}

/** A grey PNG file of 8 or 16 bits a pixel, by the kind of `pixels`. */
export async function encodeGreyPng(width: number, height: number, pixels: Uint8Array | Uint16Array): Promise<Uint8Array> {
  const depth = pixels.BYTES_PER_ELEMENT * 8;
  const stride = width * pixels.BYTES_PER_ELEMENT;
  const rows = new Uint8Array(height * (stride + 1));
  for (let y = 0, to = 0; y < height; ++y) {
    rows[to++] = 0;  // no filter: masks and labels are runs of equal bytes
    for (let x = 0; x < width; ++x) {
      const value = pixels[y * width + x];
      if (depth === 16) rows[to++] = value >> 8;
      rows[to++] = value & 255;
    }
  }
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header[8] = depth;
  return joinBytes([
    Uint8Array.from(SIGNATURE),
    chunk("IHDR", header),
    chunk("IDAT", await deflate(rows)),
    chunk("IEND", new Uint8Array()),
  ]);
}

function chunk(type: string, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(body.length + 12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, body.length);
  for (let i = 0; i < 4; ++i) bytes[4 + i] = type.charCodeAt(i);
  bytes.set(body, 8);
  view.setUint32(8 + body.length, crc32(bytes.subarray(4, 8 + body.length)));
  return bytes;
}

export function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
