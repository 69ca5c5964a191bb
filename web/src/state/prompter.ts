import { extent } from "../masks/rle";
import { activeObject, EMPTY_PROMPT, isEmpty, type Candidate, type Prompt, type Scene } from "./scene";

export interface PrompterEvents {
  /** The prompt to show has changed. */
  changed(): void;
  /** For the object that was active when it was asked; null: for a new one. */
  answered(answer: Answer): void;
  failed(error: unknown): void;
}

export interface Answer {
  readonly objectId: number | null;
  readonly prompt: Prompt;
  readonly candidates: readonly Candidate[];
  /** The person has gone on to another object meanwhile. */
  readonly late: boolean;
}

export type Ask = (prompt: Prompt, multimask: boolean, signal: AbortSignal) => Promise<Candidate[]>;

/** Collects clicks for the active object and asks for its masks. A click made while the last one is still being
 * answered joins it: only the newest question counts. */
export class Prompter {
  private draft: Prompt | null = null;
  private running: AbortController | null = null;

  constructor(
    private readonly scene: () => Scene,
    private readonly ask: Ask,
    private readonly events: PrompterEvents,
  ) {}

  /** The prompt of the active object, with what has not been answered yet. */
  get prompt(): Prompt {
    return this.draft ?? activeObject(this.scene())?.prompt ?? EMPTY_PROMPT;
  }

  get busy(): boolean {
    return this.running !== null;
  }

  /** A lone click is ambiguous, so that three masks are asked for; unless told otherwise all else gives one. */
  change(edit: (prompt: Prompt) => Prompt, multimask?: boolean): void {
    const prompt = edit(this.startingPoint());
    if (isEmpty(prompt)) return;
    this.draft = prompt;
    const several = multimask ?? (prompt.points.length === 1 && prompt.box === null);
    void this.run(prompt, several);
    this.events.changed();
  }

  /** Lets the last question finish for its object, while the next click is for another one. */
  letGo(): void {
    this.running = null;
    this.draft = null;
  }

  cancel(): void {
    this.running?.abort();
    this.running = null;
    if (this.draft === null) return;
    this.draft = null;
    this.events.changed();
  }

  // An object that no prompt made is refined within its own box.
  private startingPoint(): Prompt {
    const active = activeObject(this.scene());
    if (this.draft || !active || !isEmpty(active.prompt)) return this.prompt;
    const { x, y, width, height } = extent(active.candidates[active.chosen].rle);
    return { points: [], box: { x0: x, y0: y, x1: x + width, y1: y + height } };
  }

  private async run(prompt: Prompt, multimask: boolean): Promise<void> {
    this.running?.abort();
    const mine = (this.running = new AbortController());
    const objectId = this.scene().activeId;
    try {
      const candidates = await this.ask(prompt, multimask, mine.signal);
      if (mine.signal.aborted) return;
      const late = this.running !== mine;
      if (!late) this.letGo();
      this.events.answered({ objectId, prompt, candidates, late });
    } catch (error) {
      if (mine.signal.aborted) return;
      if (this.running === mine) this.letGo();
      this.events.failed(error);
    }
    this.events.changed();
  }
}
