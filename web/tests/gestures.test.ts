import { describe, expect, it } from "vitest";
import { Gestures, LONG_PRESS_MS, type PointerSample } from "../src/view/gestures";

function setUp(dragPans = false) {
  const seen: unknown[][] = [];
  const note = (name: string) => (...values: unknown[]) => void seen.push([name, ...values.map(plain)]);
  const names = ["hover", "leave", "tap", "dragStart", "drag", "dragEnd", "dragCancel", "pan", "zoom"] as const;
  const events = Object.fromEntries(names.map((name) => [name, note(name)])) as never;
  let timer: (() => void) | null = null;
  const gestures = new Gestures(events, () => dragPans, (ms, run) => {
    expect(ms).toBe(LONG_PRESS_MS);
    timer = run;
    return () => (timer = null);
  });
  return { gestures, seen, fire: () => timer?.() };
}

function plain(value: unknown): unknown {
  return typeof value === "object" && value !== null && "x" in value && "y" in value ? [value.x, value.y] : value;
}

function at(x: number, y: number, changes: Partial<PointerSample> = {}): PointerSample {
  return { id: 1, type: "mouse", button: 0, moves: false, x, y, ...changes };
}
const finger = (id: number, x: number, y: number): PointerSample => at(x, y, { id, type: "touch" });

describe("gestures", () => {
  it("tell a click from a right click, and a hand that shakes is still a click", () => {
    const { gestures, seen } = setUp();
    gestures.move(at(4, 4));
    gestures.down(at(5, 5));
    gestures.move(at(7, 6));
    gestures.up(at(7, 6));
    gestures.down(at(8, 8, { button: 2 }));
    gestures.up(at(8, 8, { button: 2 }));
    expect(seen).toEqual([["hover", [4, 4]], ["tap", [5, 5], false], ["tap", [8, 8], true]]);
  });

  it("draw a box from where the button went down", () => {
    const { gestures, seen } = setUp();
    gestures.down(at(5, 5));
    gestures.move(at(20, 30));
    gestures.up(at(21, 31));
    expect(seen).toEqual([["dragStart", [5, 5]], ["drag", [5, 5], [20, 30]], ["dragEnd", [5, 5], [21, 31]]]);
  });

  it("move the picture with the middle or right button, with space, and where the tool says so", () => {
    for (const [changes, dragPans] of [[{ button: 1 }, false], [{ button: 2 }, false], [{ moves: true }, false], [{}, true]] as const) {
      const { gestures, seen } = setUp(dragPans);
      gestures.down(at(5, 5, changes));
      gestures.move(at(25, 15, changes));
      gestures.up(at(25, 15, changes));
      expect(seen).toEqual([["pan", [20, 10]]]);
    }
  });

  it("take a long press for a right click, once", () => {
    const { gestures, seen, fire } = setUp(true);
    gestures.down(finger(1, 5, 5));
    fire();
    gestures.up(finger(1, 5, 5));
    expect(seen).toEqual([["tap", [5, 5], true]]);
  });

  it("do not take a slow drag for a long press", () => {
    const { gestures, seen, fire } = setUp(true);
    gestures.down(finger(1, 5, 5));
    gestures.move(finger(1, 30, 5));
    fire();
    gestures.up(finger(1, 30, 5));
    expect(seen).toEqual([["pan", [25, 0]]]);
  });

  it("zoom and move with two fingers, and no click comes of it", () => {
    const { gestures, seen } = setUp();
    gestures.down(finger(1, 0, 0));
    gestures.down(finger(2, 100, 0));
    gestures.move(finger(2, 200, 0));
    gestures.up(finger(1, 0, 0));
    gestures.up(finger(2, 200, 0));
    expect(seen).toEqual([["pan", [50, 0]], ["zoom", [100, 0], 2]]);
    gestures.down(finger(1, 3, 3));
    gestures.up(finger(1, 3, 3));
    expect(seen.at(-1)).toEqual(["tap", [3, 3], false]);
  });

  it("give up a box on Escape, and when a second finger comes", () => {
    for (const interrupt of ["escape", "finger"]) {
      const { gestures, seen } = setUp();
      gestures.down(finger(1, 0, 0));
      gestures.move(finger(1, 50, 50));
      if (interrupt === "escape") gestures.cancel();
      else gestures.down(finger(2, 90, 90));
      gestures.up(finger(1, 50, 50));
      expect(seen.at(-1)).toEqual(["dragCancel"]);
    }
  });
});
