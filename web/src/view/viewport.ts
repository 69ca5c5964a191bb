import type { Size } from "../masks/rle";

export interface Position {
  readonly x: number;
  readonly y: number;
}

/** screen = image * scale + offset, in CSS pixels. */
export interface Viewport {
  readonly scale: number;
  readonly x: number;
  readonly y: number;
}

const MAX_SCALE = 40;

/** What is kept free around the whole picture, for the tools that lie over it. */
export interface Margins {
  readonly side: number;
  readonly top: number;
  readonly bottom: number;
}

/** The whole picture in the middle of what the margins leave; small pictures are not blown up more than fourfold. */
export function fit(image: Size, screen: Size, { side, top, bottom }: Margins): Viewport {
  const room = { width: Math.max(1, screen.width - 2 * side), height: Math.max(1, screen.height - top - bottom) };
  const scale = Math.min(room.width / image.width, room.height / image.height, 4);
  return {
    scale,
    x: side + (room.width - image.width * scale) / 2,
    y: top + (room.height - image.height * scale) / 2,
  };
}

export function toImage(view: Viewport, at: Position): Position {
  return { x: (at.x - view.x) / view.scale, y: (at.y - view.y) / view.scale };
}

export function toScreen(view: Viewport, at: Position): Position {
  return { x: at.x * view.scale + view.x, y: at.y * view.scale + view.y };
}

/** Zooms by `factor` about a place on the screen that stays where it is. */
export function zoomAt(view: Viewport, at: Position, factor: number, image: Size, screen: Size): Viewport {
  const smallest = Math.min(screen.width / image.width, screen.height / image.height, 1) / 2;
  const scale = Math.min(MAX_SCALE, Math.max(smallest, view.scale * factor));
  const ratio = scale / view.scale;
  return keepInSight({ scale, x: at.x - (at.x - view.x) * ratio, y: at.y - (at.y - view.y) * ratio }, image, screen);
}

export function pan(view: Viewport, by: Position, image: Size, screen: Size): Viewport {
  return keepInSight({ ...view, x: view.x + by.x, y: view.y + by.y }, image, screen);
}

// The picture never leaves the middle of the screen.
function keepInSight(view: Viewport, image: Size, screen: Size): Viewport {
  const within = (offset: number, length: number, room: number): number =>
    Math.min(room / 2, Math.max(room / 2 - length * view.scale, offset));
  return {
    ...view,
    x: within(view.x, image.width, screen.width),
    y: within(view.y, image.height, screen.height),
  };
}

export function isInside(at: Position, image: Size): boolean {
  return at.x >= 0 && at.y >= 0 && at.x < image.width && at.y < image.height;
}
