import type { Position } from "./viewport";

/** What a person means by moving mouse, pen or fingers; positions are CSS pixels in the element. */
export interface GestureEvents {
  hover(at: Position): void;
  leave(): void;
  /** `negative`: right button, or a long press. */
  tap(at: Position, negative: boolean): void;
  dragStart(from: Position): void;
  drag(from: Position, to: Position): void;
  dragEnd(from: Position, to: Position): void;
  dragCancel(): void;
  pan(by: Position): void;
  zoom(at: Position, factor: number): void;
}

/** The parts of a PointerEvent that matter here. */
export interface PointerSample extends Position {
  readonly id: number;
  readonly type: string;
  readonly button: number;
  /** A modifier that means "move the picture". */
  readonly moves: boolean;
}

const DRAG_DISTANCE = { mouse: 4, touch: 10 };
export const LONG_PRESS_MS = 500;

type Phase = "idle" | "pressed" | "dragging" | "panning" | "pinching" | "done";

/** Turns pointer events into gestures. `dragPans` says whether a drag with one finger or the left button moves the
 * picture instead of drawing a box. Timers come from outside, so that tests need not wait. */
export class Gestures {
  private phase: Phase = "idle";
  private readonly pointers = new Map<number, Position>();
  private start: PointerSample | null = null;
  private last: Position = { x: 0, y: 0 };
  private stopTimer: () => void = () => undefined;

  constructor(
    private readonly events: GestureEvents,
    private readonly dragPans: (type: string) => boolean,
    private readonly after: (ms: number, run: () => void) => () => void = timeout,
  ) {}

  down(sample: PointerSample): void {
    this.pointers.set(sample.id, sample);
    if (this.pointers.size === 2) return this.startPinch();
    if (this.pointers.size > 2) return;
    this.start = sample;
    this.last = sample;
    this.phase = sample.button === 1 || sample.moves ? "panning" : "pressed";
    if (sample.type === "touch") this.stopTimer = this.after(LONG_PRESS_MS, () => this.longPress());
  }

  move(sample: PointerSample): void {
    if (!this.pointers.has(sample.id)) {
      if (this.pointers.size === 0 && sample.type !== "touch") this.events.hover(sample);
      return;
    }
    const before = this.spread();
    this.pointers.set(sample.id, sample);
    if (this.phase === "pinching") return this.pinch(before);
    if (this.phase === "pressed") this.maybeDrag(sample);
    if (this.phase === "dragging") this.events.drag(this.start!, sample);
    if (this.phase === "panning") this.events.pan({ x: sample.x - this.last.x, y: sample.y - this.last.y });
    this.last = sample;
  }

  up(sample: PointerSample): void {
    if (!this.pointers.delete(sample.id)) return;
    this.stopTimer();
    if (this.phase === "pressed") this.events.tap(this.start!, this.start!.button === 2);
    if (this.phase === "dragging") this.events.dragEnd(this.start!, sample);
    this.phase = this.pointers.size === 0 ? "idle" : "done";
  }

  /** The system took the pointer away, or Escape was pressed. */
  cancel(): void {
    this.stopTimer();
    if (this.phase === "dragging") this.events.dragCancel();
    this.phase = this.pointers.size === 0 ? "idle" : "done";
  }

  lost(sample: PointerSample): void {
    this.pointers.delete(sample.id);
    this.cancel();
  }

  private maybeDrag(sample: PointerSample): void {
    const start = this.start!;
    const limit = sample.type === "touch" ? DRAG_DISTANCE.touch : DRAG_DISTANCE.mouse;
    if (Math.hypot(sample.x - start.x, sample.y - start.y) < limit) return;
    this.stopTimer();
    this.phase = this.dragPans(sample.type) || start.button === 2 ? "panning" : "dragging";
    if (this.phase === "dragging") this.events.dragStart(start);
    else this.last = start;
  }

  private longPress(): void {
    if (this.phase !== "pressed") return;
    this.phase = "done";
    this.events.tap(this.start!, true);
  }

  private startPinch(): void {
    this.stopTimer();
    if (this.phase === "dragging") this.events.dragCancel();
    this.phase = "pinching";
  }

  private pinch(before: Spread): void {
    const now = this.spread();
    this.events.pan({ x: now.centre.x - before.centre.x, y: now.centre.y - before.centre.y });
    if (before.distance > 0) this.events.zoom(now.centre, now.distance / before.distance);
  }

  private spread(): Spread {
    const [a, b] = [...this.pointers.values()];
    if (!b) return { centre: a, distance: 0 };
    return { centre: { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 }, distance: Math.hypot(a.x - b.x, a.y - b.y) };
  }
}

interface Spread {
  readonly centre: Position;
  readonly distance: number;
}

function timeout(ms: number, run: () => void): () => void {
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
}
