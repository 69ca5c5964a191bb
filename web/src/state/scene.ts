import { area, contains, type Rle } from "../masks/rle";
import { colourFor } from "./colours";

/** Image pixels; label 1 is on the object, 0 beside it. */
export interface PromptPoint {
  readonly x: number;
  readonly y: number;
  readonly label: 0 | 1;
}

/** Image pixels, x0 <= x1, y0 <= y1. */
export interface Box {
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
}

export interface Prompt {
  readonly points: readonly PromptPoint[];
  readonly box: Box | null;
}

/** One of the masks that the model proposes for a prompt. */
export interface Candidate {
  readonly rle: Rle;
  readonly score: number;
}

export interface SceneObject {
  readonly id: number;
  readonly name: string;
  readonly colour: string;
  readonly prompt: Prompt;
  readonly candidates: readonly Candidate[];
  readonly chosen: number;
  readonly visible: boolean;
}

/** What was segmented in one picture. `activeId` null: the next prompt begins a new object. */
export interface Scene {
  readonly objects: readonly SceneObject[];
  readonly activeId: number | null;
  readonly nextId: number;
}

export const EMPTY_PROMPT: Prompt = { points: [], box: null };
export const EMPTY_SCENE: Scene = { objects: [], activeId: null, nextId: 1 };

export function activeObject(scene: Scene): SceneObject | null {
  return scene.objects.find((object) => object.id === scene.activeId) ?? null;
}

export function chosenMask(object: SceneObject): Candidate {
  return object.candidates[object.chosen];
}

export function isEmpty(prompt: Prompt): boolean {
  return prompt.points.length === 0 && prompt.box === null;
}

/** An object with a new prompt and its masks; a new object, then active, when `id` is null or gone. */
export function withPrediction(scene: Scene, id: number | null, prompt: Prompt, candidates: readonly Candidate[]): Scene {
  const chosen = bestOf(candidates);
  const old = scene.objects.find((object) => object.id === id);
  if (old) return withObject(scene, { ...old, prompt, candidates, chosen });
  const object = newObject(scene.nextId, prompt, candidates, chosen);
  return { objects: [...scene.objects, object], activeId: object.id, nextId: scene.nextId + 1 };
}

// A mask of more than this share of the picture is its background: shown, it would veil all else.
const BACKGROUND_SHARE = 0.5;

/** Every mask as an object of its own, largest first, so that small ones lie on top. The background is hidden. */
export function withEverything(scene: Scene, masks: readonly Candidate[]): Scene {
  const largestFirst = [...masks].sort((a, b) => area(b.rle) - area(a.rle));
  const added = largestFirst.map((mask, i) => ({
    ...newObject(scene.nextId + i, EMPTY_PROMPT, [mask], 0),
    visible: area(mask.rle) <= BACKGROUND_SHARE * mask.rle.width * mask.rle.height,
  }));
  return { objects: [...scene.objects, ...added], activeId: null, nextId: scene.nextId + added.length };
}

export function withObject(scene: Scene, object: SceneObject): Scene {
  return { ...scene, objects: scene.objects.map((other) => (other.id === object.id ? object : other)) };
}

export function withoutObject(scene: Scene, id: number): Scene {
  return {
    ...scene,
    objects: scene.objects.filter((object) => object.id !== id),
    activeId: scene.activeId === id ? null : scene.activeId,
  };
}

export function withActive(scene: Scene, activeId: number | null): Scene {
  return scene.activeId === activeId ? scene : { ...scene, activeId };
}

/** The object before (-1) or after (1) the active one, going round; null in an empty scene. */
export function neighbourId(scene: Scene, step: 1 | -1): number | null {
  const { objects } = scene;
  if (objects.length === 0) return null;
  const at = objects.findIndex((object) => object.id === scene.activeId);
  const next = at < 0 ? (step > 0 ? 0 : objects.length - 1) : (at + step + objects.length) % objects.length;
  return objects[next].id;
}

/** The smallest visible object that covers the pixel: what a person means who clicks there. */
export function objectAt(scene: Scene, x: number, y: number): SceneObject | null {
  let best: SceneObject | null = null;
  let bestArea = Infinity;
  for (const object of scene.objects) {
    const { rle } = chosenMask(object);
    if (!object.visible || !contains(rle, x, y)) continue;
    const size = area(rle);
    if (size < bestArea) [best, bestArea] = [object, size];
  }
  return best;
}

function newObject(id: number, prompt: Prompt, candidates: readonly Candidate[], chosen: number): SceneObject {
  return { id, name: `Object ${id}`, colour: colourFor(id - 1), prompt, candidates, chosen, visible: true };
}

function bestOf(candidates: readonly Candidate[]): number {
  let best = 0;
  candidates.forEach((candidate, i) => {
    if (candidate.score > candidates[best].score) best = i;
  });
  return best;
}
