import type { App } from "../app";
import { Gestures, type PointerSample } from "./gestures";

const WHEEL_SPEED = 0.0016;
const LINE_PX = 16;

/** Connects mouse, pen and fingers on the picture with what the page does. */
export function connectPointer(canvas: HTMLCanvasElement, app: App): void {
  let spaceHeld = false;
  const { stage } = app;
  const gestures = new Gestures(
    {
      hover: (at) => app.hoverAt(stage.toImage(at)),
      leave: () => app.hoverEnd(),
      tap: (at, negative) => app.click(stage.toImage(at), negative),
      dragStart: () => undefined,
      drag: (from, to) => app.dragBox(app.boxBetween(stage.toImage(from), stage.toImage(to))),
      dragEnd: (from, to) => app.finishBox(app.boxBetween(stage.toImage(from), stage.toImage(to))),
      dragCancel: () => app.dragBox(null),
      pan: (by) => stage.panBy(by),
      zoom: (at, factor) => stage.zoom(factor, at),
    },
    (type) => app.tool === "select" || (type === "touch" && app.tool !== "box"),
  );

  const sample = (event: PointerEvent): PointerSample => {
    const frame = canvas.getBoundingClientRect();
    return {
      id: event.pointerId,
      type: event.pointerType,
      button: event.button,
      moves: spaceHeld,
      x: event.clientX - frame.left,
      y: event.clientY - frame.top,
    };
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    canvas.focus({ preventScroll: true });
    gestures.down(sample(event));
  });
  canvas.addEventListener("pointermove", (event) => gestures.move(sample(event)));
  canvas.addEventListener("pointerup", (event) => gestures.up(sample(event)));
  canvas.addEventListener("pointercancel", (event) => gestures.lost(sample(event)));
  canvas.addEventListener("pointerleave", () => app.hoverEnd());
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const { x, y } = sample(event as unknown as PointerEvent);
    const pixels = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? LINE_PX : 1);
    stage.zoom(Math.exp(-pixels * WHEEL_SPEED * (event.ctrlKey ? 4 : 1)), { x, y });
  }, { passive: false });

  const setSpace = (held: boolean): void => {
    spaceHeld = held;
    canvas.toggleAttribute("data-moving", held);
  };
  addEventListener("keydown", (event) => {
    if (event.key === "Escape") gestures.cancel();
    if (event.key !== " " || (event.target as Element).closest("button, input, a, dialog[open]")) return;
    event.preventDefault();
    setSpace(true);
  });
  addEventListener("keyup", (event) => event.key === " " && setSpace(false));
  addEventListener("blur", () => setSpace(false));
}
