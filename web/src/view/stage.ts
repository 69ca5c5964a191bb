import type { Rle } from "../masks/rle";
import type { Picture } from "../pictures/picture";
import { chosenMask, EMPTY_PROMPT, EMPTY_SCENE, type Box, type Prompt, type Scene, type SceneObject } from "../state/scene";
import { maskPath } from "./mask_paths";
import { drawBox, drawCrosshair, drawPoint } from "./prompt_marks";
import { fit, pan, toImage, toScreen, zoomAt, type Margins, type Position, type Viewport } from "./viewport";

/** What lies over the picture. */
export interface Overlay {
  scene: Scene;
  /** The prompt of the active object, with what has not been answered yet. */
  prompt: Prompt;
  preview: Rle | null;
  highlightId: number | null;
  boxDraft: Box | null;
  cursor: Position | null;
  hidden: boolean;
}

const FILL_ALPHA = 0.38;
const PREVIEW_COLOUR = "#ffffff";

/** Draws one picture with its masks and prompts into a canvas, moved and zoomed. Draws once a frame at most. */
export class Stage {
  readonly overlay: Overlay = {
    scene: EMPTY_SCENE,
    prompt: EMPTY_PROMPT,
    preview: null,
    highlightId: null,
    boxDraft: null,
    cursor: null,
    hidden: false,
  };
  private picture: Picture | null = null;
  private view: Viewport = { scale: 1, x: 0, y: 0 };
  private fitted = true;
  private frame = 0;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly zoomed: (scale: number) => void,
  ) {
    new ResizeObserver(() => this.resize()).observe(canvas);
  }

  setPicture(picture: Picture | null): void {
    this.picture = picture;
    this.fitView();
  }

  /** Changes what lies over the picture. */
  show(changes: Partial<Overlay>): void {
    Object.assign(this.overlay, changes);
    this.redraw();
  }

  redraw(): void {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  }

  toImage(at: Position): Position {
    return toImage(this.view, at);
  }

  fitView(): void {
    this.fitted = true;
    if (this.picture) this.setView(fit(this.picture, this.size(), this.margins()));
  }

  zoom(factor: number, at: Position = { x: this.size().width / 2, y: this.size().height / 2 }): void {
    if (!this.picture) return;
    this.fitted = false;
    this.setView(zoomAt(this.view, at, factor, this.picture, this.size()));
  }

  panBy(by: Position): void {
    if (!this.picture) return;
    this.fitted = false;
    this.setView(pan(this.view, by, this.picture, this.size()));
  }

  private setView(view: Viewport): void {
    this.view = view;
    this.zoomed(view.scale);
    this.redraw();
  }

  private size(): { width: number; height: number } {
    return { width: this.canvas.clientWidth, height: this.canvas.clientHeight };
  }

  private margins(): Margins {
    const phone = matchMedia("(max-width: 760px)").matches;
    return phone ? { side: 10, top: 10, bottom: 70 } : { side: 28, top: 72, bottom: 28 };
  }

  private resize(): void {
    const ratio = devicePixelRatio;
    this.canvas.width = Math.round(this.canvas.clientWidth * ratio);
    this.canvas.height = Math.round(this.canvas.clientHeight * ratio);
    if (this.fitted) this.fitView();
    this.redraw();
  }

  private draw(): void {
    const context = this.canvas.getContext("2d")!;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (!this.picture) return;
    const { scale, x, y } = this.view;
    const ratio = devicePixelRatio;
    context.setTransform(scale * ratio, 0, 0, scale * ratio, x * ratio, y * ratio);
    this.drawPicture(context, this.picture);
    if (!this.overlay.hidden) this.drawMasks(context);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.drawPrompts(context);
  }

  private drawPicture(context: CanvasRenderingContext2D, picture: Picture): void {
    context.imageSmoothingEnabled = this.view.scale < 2;
    context.imageSmoothingQuality = "high";
    context.drawImage(picture.image, 0, 0, picture.width, picture.height);
  }

  private drawMasks(context: CanvasRenderingContext2D): void {
    const { scene, preview, highlightId } = this.overlay;
    for (const object of scene.objects) if (object.visible) this.drawObject(context, object, object.id === scene.activeId);
    const highlighted = scene.objects.find((object) => object.id === highlightId);
    if (highlighted) this.drawMask(context, chosenMask(highlighted).rle, "#ffffff", 0.25, 2);
    if (preview) this.drawMask(context, preview, PREVIEW_COLOUR, 0.3, 1.5);
  }

  private drawObject(context: CanvasRenderingContext2D, object: SceneObject, active: boolean): void {
    const { rle } = chosenMask(object);
    if (active) this.drawMask(context, rle, "#ffffff", 0, 5);
    this.drawMask(context, rle, object.colour, active ? FILL_ALPHA + 0.12 : FILL_ALPHA, active ? 2.5 : 1.5);
  }

  private drawMask(context: CanvasRenderingContext2D, rle: Rle, colour: string, fillAlpha: number, lineWidth: number): void {
    const path = maskPath(rle);
    context.fillStyle = context.strokeStyle = colour;
    if (fillAlpha > 0) {
      context.globalAlpha = fillAlpha;
      context.fill(path, "evenodd");
    }
    context.globalAlpha = 1;
    context.lineJoin = "round";
    context.lineWidth = lineWidth / this.view.scale;
    context.stroke(path);
  }

  private drawPrompts(context: CanvasRenderingContext2D): void {
    const { prompt, boxDraft, cursor } = this.overlay;
    const box = boxDraft ?? prompt.box;
    if (box) drawBox(context, this.screenBox(box));
    for (const point of prompt.points) drawPoint(context, toScreen(this.view, point), point.label);
    if (cursor) drawCrosshair(context, toScreen(this.view, cursor));
  }

  private screenBox(box: Box): Box {
    const a = toScreen(this.view, { x: box.x0, y: box.y0 });
    const b = toScreen(this.view, { x: box.x1, y: box.y1 });
    return { x0: a.x, y0: a.y, x1: b.x, y1: b.y };
  }
}
