import { decode, extent, type Bitmap, type Rle } from "./rle";

/** A closed ring, x and y alternating, along the edges between pixels: pixel (x, y) is the square from (x, y) to
 * (x + 1, y + 1). Filling all rings of a mask by the even-odd rule gives the mask back exactly. */
export type Ring = readonly number[];

// Right, down, left, up; turning right is adding one.
const STEP_X = [1, 0, -1, 0];
const STEP_Y = [0, 1, 0, -1];

/** Outer rings run clockwise as seen on the screen, holes the other way; pixels that touch at a corner only are
 * apart. Corners only: no three points of a ring lie on one line. */
export function traceOutlines(mask: Bitmap): Ring[] {
  const { width, height, bits } = mask;
  const at = (x: number, y: number): number =>
    x >= 0 && y >= 0 && x < width && y < height ? bits[y * width + x] : 0;
  const topEdgeSeen = new Uint8Array(width * height);
  const rings: Ring[] = [];
  for (let y = 0; y < height; ++y) {
    for (let x = 0; x < width; ++x) {
      if (bits[y * width + x] && !at(x, y - 1) && !topEdgeSeen[y * width + x]) {
        rings.push(followRing(at, topEdgeSeen, width, x, y));
      }
    }
  }
  return rings;
}

// Walks with the mask on the right hand until the first edge comes again.
function followRing(at: (x: number, y: number) => number, seen: Uint8Array, width: number, x0: number, y0: number): Ring {
  const ring: number[] = [];
  let [x, y, direction] = [x0, y0, 0];
  do {
    if (direction === 0) seen[y * width + x] = 1;
    x += STEP_X[direction];
    y += STEP_Y[direction];
    const next = turn(at, x, y, direction);
    if (next !== direction) ring.push(x, y);
    direction = next;
  } while (!(x === x0 && y === y0 && direction === 0));
  return ring;
}

// The two pixels ahead decide: none set, turn right; the left one set, turn left; else go on.
function turn(at: (x: number, y: number) => number, x: number, y: number, direction: number): number {
  const ahead = (side: number): number => {
    const left = (direction + 3) % 4;
    const across = side === 0 ? left : (direction + 1) % 4;
    const dx = STEP_X[direction] + STEP_X[across];
    const dy = STEP_Y[direction] + STEP_Y[across];
    return at(x + (dx - 1) / 2, y + (dy - 1) / 2);
  };
  if (!ahead(1)) return (direction + 1) % 4;
  return ahead(0) ? (direction + 3) % 4 : direction;
}

/** The outlines of a mask in image pixels. */
export function outlinesOf(rle: Rle): Ring[] {
  const box = extent(rle);
  return traceOutlines(decode(rle, box)).map((ring) => ring.map((value, i) => value + (i % 2 === 0 ? box.x : box.y)));
}

/** Twice the signed area: positive for outer rings, negative for holes. */
export function signedArea2(ring: Ring): number {
  let sum = 0;
  for (let i = 0; i < ring.length; i += 2) {
    const j = (i + 2) % ring.length;
    sum += ring[i] * ring[j + 1] - ring[j] * ring[i + 1];
  }
  return sum;
}

/** Leaves out corners as long as the ring moves by at most `tolerance` pixels (Douglas and Peucker). */
export function simplify(ring: Ring, tolerance: number): Ring {
  const points = ring.length / 2;
  if (tolerance <= 0 || points <= 4) return ring;
  const keep = new Uint8Array(points);
  const far = farthestFrom(ring, 0);
  keep[0] = keep[far] = 1;
  const spans: [number, number][] = [[0, far], [far, points]];
  for (let span = spans.pop(); span; span = spans.pop()) {
    const [first, last] = span;
    const [index, distance] = farthestFromLine(ring, first, last);
    if (distance <= tolerance) continue;
    keep[index] = 1;
    spans.push([first, index], [index, last]);
  }
  const kept: number[] = [];
  for (let i = 0; i < points; ++i) if (keep[i]) kept.push(ring[2 * i], ring[2 * i + 1]);
  return kept.length >= 6 ? kept : ring;
}

function farthestFrom(ring: Ring, from: number): number {
  let best = from;
  let bestDistance = -1;
  for (let i = 0; i < ring.length / 2; ++i) {
    const distance = Math.hypot(ring[2 * i] - ring[2 * from], ring[2 * i + 1] - ring[2 * from + 1]);
    if (distance > bestDistance) [best, bestDistance] = [i, distance];
  }
  return best;
}

// `last` may be one past the end: the first point again.
function farthestFromLine(ring: Ring, first: number, last: number): [number, number] {
  const end = (2 * last) % ring.length;
  const [ax, ay] = [ring[2 * first], ring[2 * first + 1]];
  const [dx, dy] = [ring[end] - ax, ring[end + 1] - ay];
  const length = Math.hypot(dx, dy) || 1;
  let best: [number, number] = [first, -1];
  for (let i = first + 1; i < last; ++i) {
    const distance = Math.abs((ring[2 * i] - ax) * dy - (ring[2 * i + 1] - ay) * dx) / length;
    if (distance > best[1]) best = [i, distance];
  }
  return best;
}
