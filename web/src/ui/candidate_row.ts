import { extent } from "../masks/rle";
import type { Picture } from "../pictures/picture";
import type { Candidate, SceneObject } from "../state/scene";
import { maskPath } from "../view/mask_paths";
import { byId, create } from "./dom";

const WIDTH = 168;
const HEIGHT = 126;

/** The masks that the model proposes for the active object, to choose from. */
export class CandidateRow {
  private readonly row = byId("candidate-row");
  private shown: SceneObject | null = null;

  constructor(
    private readonly choose: (index: number) => void,
    private readonly highlight: (candidate: Candidate | null) => void,
  ) {}

  show(picture: Picture | null, object: SceneObject | null, canAsk: boolean): void {
    byId("candidates").hidden = object === null;
    byId("alternatives").hidden = !canAsk || (object?.candidates.length ?? 0) > 1;
    if (object === this.shown) return;
    const sameMasks = object !== null && this.shown?.candidates === object.candidates;
    this.shown = object;
    if (!picture || !object) return;
    if (!sameMasks) this.row.replaceChildren(...object.candidates.map((_, i) => this.makeButton(picture, object, i)));
    [...this.row.children].forEach((button, i) => button.setAttribute("aria-checked", String(i === object.chosen)));
  }

  private makeButton(picture: Picture, object: SceneObject, index: number): HTMLButtonElement {
    const candidate = object.candidates[index];
    const score = candidate.score.toFixed(2);
    const button = create("button", { className: "candidate", title: `Mask ${index + 1}, score ${score} (${index + 1})` });
    button.setAttribute("role", "radio");
    button.setAttribute("aria-label", `Mask ${index + 1}, score ${score}`);
    button.append(thumbnail(picture, object, candidate), score);
    button.addEventListener("click", () => this.choose(index));
    button.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && this.highlight(candidate));
    button.addEventListener("pointerleave", () => this.highlight(null));
    return button;
  }
}

// The mask with some of what is around it.
function thumbnail(picture: Picture, object: SceneObject, { rle }: Candidate): HTMLCanvasElement {
  const canvas = create("canvas", { width: WIDTH, height: HEIGHT });
  const context = canvas.getContext("2d")!;
  const box = extent(rle);
  const scale = Math.min((WIDTH - 28) / Math.max(1, box.width), (HEIGHT - 28) / Math.max(1, box.height), 5);
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  context.setTransform(scale, 0, 0, scale, WIDTH / 2 - x * scale, HEIGHT / 2 - y * scale);
  context.drawImage(picture.image, 0, 0, picture.width, picture.height);
  const path = maskPath(rle);
  context.fillStyle = context.strokeStyle = object.colour;
  context.lineWidth = 3 / scale;
  context.globalAlpha = 0.5;
  context.fill(path, "evenodd");
  context.globalAlpha = 1;
  context.stroke(path);
  return canvas;
}
