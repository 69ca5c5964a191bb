import { outlinesOf } from "../masks/outlines";
import type { Rle } from "../masks/rle";

const paths = new WeakMap<Rle, Path2D>();

/** The outline of a mask in image pixels, to be filled by the even-odd rule: sharp at every zoom. */
export function maskPath(rle: Rle): Path2D {
  let path = paths.get(rle);
  if (!path) paths.set(rle, (path = makePath(rle)));
  return path;
}

function makePath(rle: Rle): Path2D {
  const path = new Path2D();
  for (const ring of outlinesOf(rle)) {
    path.moveTo(ring[0], ring[1]);
    for (let i = 2; i < ring.length; i += 2) path.lineTo(ring[i], ring[i + 1]);
    path.closePath();
  }
  return path;
}
