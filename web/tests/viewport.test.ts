import { describe, expect, it } from "vitest";
import { fit, pan, toImage, toScreen, zoomAt } from "../src/view/viewport";

const IMAGE = { width: 1000, height: 500 };
const SCREEN = { width: 800, height: 600 };

describe("the view", () => {
  it("shows the whole picture in the middle of what the margins leave", () => {
    expect(fit(IMAGE, SCREEN, { side: 50, top: 100, bottom: 0 })).toEqual({ scale: 0.7, x: 50, y: 175 });
    expect(fit({ width: 10, height: 10 }, SCREEN, { side: 0, top: 0, bottom: 0 }).scale).toBe(4);
  });

  it("keeps the place under the pointer when zooming", () => {
    const view = fit(IMAGE, SCREEN, { side: 0, top: 0, bottom: 0 });
    const at = { x: 400, y: 280 };
    const before = toImage(view, at);
    const zoomed = zoomAt(view, at, 3, IMAGE, SCREEN);
    expect(zoomed.scale).toBeCloseTo(2.4);
    expect(toImage(zoomed, at).x).toBeCloseTo(before.x);
    expect(toImage(zoomed, at).y).toBeCloseTo(before.y);
  });

  it("has limits, and never loses the picture", () => {
    let view = fit(IMAGE, SCREEN, { side: 0, top: 0, bottom: 0 });
    expect(zoomAt(view, { x: 0, y: 0 }, 1e9, IMAGE, SCREEN).scale).toBe(40);
    expect(zoomAt(view, { x: 0, y: 0 }, 1e-9, IMAGE, SCREEN).scale).toBe(0.4);
    view = pan(view, { x: 1e6, y: -1e6 }, IMAGE, SCREEN);
    const corner = toScreen(view, { x: 0, y: 500 });
    expect(corner).toEqual({ x: 400, y: 300 });
  });
});
