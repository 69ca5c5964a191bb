import type { Rle } from "../masks/rle";
import type { Position } from "../view/viewport";
import type { Candidate, Prompt } from "./scene";

/** Shows what a click would give. One question at a time: while it is answered, only the latest place is kept. */
export class HoverPreview {
  private wanted: Position | null = null;
  private running: AbortController | null = null;

  constructor(
    private readonly ask: (prompt: Prompt, signal: AbortSignal) => Promise<Candidate[] | null>,
    private readonly show: (mask: Rle | null) => void,
  ) {}

  move(at: Position): void {
    this.wanted = at;
    if (!this.running) void this.run();
  }

  stop(): void {
    this.wanted = null;
    this.running?.abort();
    this.running = null;
    this.show(null);
  }

  private async run(): Promise<void> {
    const mine = (this.running = new AbortController());
    while (this.wanted && this.running === mine) {
      const at = this.wanted;
      this.wanted = null;
      const prompt: Prompt = { points: [{ ...at, label: 1 }], box: null };
      const masks = await this.ask(prompt, mine.signal).catch(() => null);
      if (this.running === mine) this.show(best(masks));
    }
    if (this.running === mine) this.running = null;
  }
}

function best(masks: Candidate[] | null): Rle | null {
  if (!masks || masks.length === 0) return null;
  return masks.reduce((a, b) => (b.score > a.score ? b : a)).rle;
}
