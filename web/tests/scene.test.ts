import { describe, expect, it } from "vitest";
import { encode } from "../src/masks/rle";
import { History } from "../src/state/history";
import * as scenes from "../src/state/scene";
import type { Candidate, Prompt, Scene } from "../src/state/scene";

const CLICK: Prompt = { points: [{ x: 1, y: 1, label: 1 }], box: null };

function mask(score: number, ...pixels: number[]): Candidate {
  const bits = new Uint8Array(16);
  for (const pixel of pixels) bits[pixel] = 1;
  return { rle: encode({ width: 4, height: 4, bits }), score };
}

function sceneOf(...masks: Candidate[]): Scene {
  return masks.reduce((scene, each) => scenes.withPrediction(scene, null, CLICK, [each]), scenes.EMPTY_SCENE);
}

describe("a scene", () => {
  it("makes a new object of the first click and chooses the mask with the best score", () => {
    const scene = scenes.withPrediction(scenes.EMPTY_SCENE, null, CLICK, [mask(0.5, 0), mask(0.9, 1), mask(0.7, 2)]);
    expect(scenes.activeObject(scene)).toMatchObject({ id: 1, name: "Object 1", chosen: 1, visible: true });
  });

  it("refines the object that was asked about and keeps its name and colour", () => {
    const first = scenes.withObject(sceneOf(mask(1, 0)), { ...sceneOf(mask(1, 0)).objects[0], name: "nucleus" });
    const refined = scenes.withPrediction(first, 1, { ...CLICK, box: { x0: 0, y0: 0, x1: 2, y1: 2 } }, [mask(0.8, 0, 1)]);
    expect(refined.objects).toHaveLength(1);
    expect(refined.objects[0]).toMatchObject({ name: "nucleus", colour: first.objects[0].colour, prompt: { box: { x1: 2 } } });
  });

  it("never uses an id twice, also after deleting", () => {
    const scene = scenes.withoutObject(sceneOf(mask(1, 0), mask(1, 1)), 2);
    expect(scene.activeId).toBeNull();
    expect(scenes.withPrediction(scene, null, CLICK, [mask(1, 2)]).objects.map(({ id }) => id)).toEqual([1, 3]);
  });

  it("takes everything largest first, hides the background, and starts a new object with the next click", () => {
    const background = mask(0.9, ...Array.from({ length: 12 }, (_, i) => i));
    const scene = scenes.withEverything(sceneOf(mask(1, 15)), [mask(0.9, 0), background, mask(0.9, 4, 5)]);
    expect(scene.objects.map(({ id, visible }) => [id, visible])).toEqual([[1, true], [2, false], [3, true], [4, true]]);
    expect(scene.objects.slice(1).map(({ candidates }) => candidates[0])).toEqual([background, mask(0.9, 4, 5), mask(0.9, 0)]);
    expect(scene.activeId).toBeNull();
  });

  it("finds the smallest visible object under a pixel", () => {
    const scene = sceneOf(mask(1, 0, 1, 4, 5), mask(1, 5), mask(1, 10));
    expect(scenes.objectAt(scene, 1.5, 1.5)?.id).toBe(2);
    const hidden = scenes.withObject(scene, { ...scene.objects[1], visible: false });
    expect(scenes.objectAt(hidden, 1.5, 1.5)?.id).toBe(1);
    expect(scenes.objectAt(scene, 3, 3)).toBeNull();
  });

  it("goes round its objects", () => {
    const scene = sceneOf(mask(1, 0), mask(1, 1), mask(1, 2));
    expect(scenes.neighbourId(scene, 1)).toBe(1);
    expect(scenes.neighbourId(scene, -1)).toBe(2);
    expect(scenes.neighbourId(scenes.withActive(scene, null), -1)).toBe(3);
    expect(scenes.neighbourId(scenes.EMPTY_SCENE, 1)).toBeNull();
  });
});

describe("history", () => {
  it("goes back and forth, and forgets what was undone when something new is done", () => {
    const history = new History("a");
    history.commit("b");
    history.commit("c");
    history.undo();
    expect([history.present, history.canUndo, history.canRedo]).toEqual(["b", true, true]);
    history.redo();
    expect(history.present).toBe("c");
    history.undo();
    history.commit("d");
    history.redo();
    expect([history.present, history.canRedo]).toEqual(["d", false]);
  });

  it("does not stop at replaced states, nor at what changed nothing", () => {
    const history = new History("a");
    history.commit("b");
    history.replace("b2");
    history.commit("b2");
    history.undo();
    expect([history.present, history.canUndo]).toEqual(["a", false]);
    history.undo();
    expect(history.present).toBe("a");
  });

  it("keeps no more than its limit", () => {
    const history = new History(0, 3);
    for (let i = 1; i <= 9; ++i) history.commit(i);
    for (let i = 0; i < 9; ++i) history.undo();
    expect(history.present).toBe(6);
  });
});
