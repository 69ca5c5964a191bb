import type { DeepPicture } from "../pictures/picture";
import { automaticWindow, fullRange, type Window } from "../pictures/window";
import { byId } from "./dom";

const BINS = 256;

/** The histogram of a 16-bit picture with two sliders for black and white. */
export class WindowPanel {
  private readonly low = byId<HTMLInputElement>("window-low");
  private readonly high = byId<HTMLInputElement>("window-high");
  private deep: DeepPicture | null = null;
  private range: Window = { low: 0, high: 65535 };

  constructor(private readonly change: (window: Window) => void) {
    this.low.addEventListener("input", () => this.slide(this.low));
    this.high.addEventListener("input", () => this.slide(this.high));
    byId("window-auto").addEventListener("click", () => this.deep && this.set(automaticWindow(this.deep.counts)));
    byId("window-full").addEventListener("click", () => this.set(this.range));
  }

  /** Null for pictures of 8 bits, which need no window. */
  show(deep: DeepPicture | null): void {
    this.deep = deep;
    byId("window-panel").hidden = deep === null;
    if (!deep) return;
    this.range = fullRange(deep.counts);
    for (const slider of [this.low, this.high]) {
      slider.min = String(this.range.low);
      slider.max = String(this.range.high);
    }
    this.display(deep.window);
  }

  private slide(moved: HTMLInputElement): void {
    const low = Math.min(Number(this.low.value), Number(this.high.value) - (moved === this.low ? 1 : 0));
    const high = Math.max(Number(this.high.value), Number(this.low.value) + (moved === this.high ? 1 : 0));
    this.set({ low: moved === this.high ? Math.min(low, high - 1) : low, high: moved === this.low ? Math.max(high, low + 1) : high });
  }

  private set(window: Window): void {
    this.display(window);
    this.change(window);
  }

  private display({ low, high }: Window): void {
    this.low.value = String(low);
    this.high.value = String(high);
    byId("window-values").textContent = `${low} – ${high}`;
    this.drawHistogram({ low, high });
  }

  private drawHistogram(window: Window): void {
    const canvas = byId<HTMLCanvasElement>("histogram");
    const ratio = devicePixelRatio;
    canvas.width = canvas.clientWidth * ratio;
    canvas.height = canvas.clientHeight * ratio;
    const context = canvas.getContext("2d")!;
    const heights = this.binHeights();
    const style = getComputedStyle(canvas);
    const width = canvas.width / BINS;
    heights.forEach((height, i) => {
      const level = this.range.low + ((i + 0.5) / BINS) * (this.range.high - this.range.low);
      const inside = level >= window.low && level <= window.high;
      context.fillStyle = style.getPropertyValue(inside ? "--accent" : "--line-strong");
      context.fillRect(i * width, canvas.height * (1 - height), Math.ceil(width), canvas.height * height);
    });
  }

  // Logarithmic: in most 16-bit pictures nearly all samples are dark.
  private binHeights(): number[] {
    const bins = new Array<number>(BINS).fill(0);
    const span = this.range.high - this.range.low + 1;
    this.deep!.counts.forEach((count, level) => {
      if (count > 0) bins[Math.floor(((level - this.range.low) / span) * BINS)] += count;
    });
    const most = Math.log1p(Math.max(...bins));
    return bins.map((count) => Math.log1p(count) / most);
  }
}
