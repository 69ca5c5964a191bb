import type { Picture } from "../pictures/picture";
import type { Candidate, Prompt } from "../state/scene";
import { Api, ApiError } from "./api";

export interface SessionEvents {
  /** The picture is on its way: 0 to 1, then encoded by the server. */
  uploading(sent: number): void;
  uploaded(): void;
  /** The server is busy; the page asks again after so many seconds. */
  waiting(seconds: number): void;
}

const MAX_TRIES = 6;
const DEFAULT_WAIT_S = 2;
const LONGEST_WAIT_S = 15;

/** One picture at the server, for as long as the page shows it: sent when first needed, sent again when the server
 * has dropped it, and patient with a busy server. */
export class PictureSession {
  private upload: Promise<string> | null = null;
  private id: string | null = null;
  private readonly closed = new AbortController();

  constructor(
    private readonly api: Api,
    private readonly picture: Picture,
    private readonly events: SessionEvents,
    private readonly sleep = abortableSleep,
  ) {}

  async open(): Promise<void> {
    await this.uploadedId();
  }

  /** Nothing is deleted at the server: the same picture may be another person's, and the caches are bounded. */
  close(): void {
    this.closed.abort(new DOMException("The picture was closed.", "AbortError"));
  }

  predict(prompt: Prompt, multimask: boolean, signal: AbortSignal): Promise<Candidate[]> {
    return this.ask((id, both) => this.api.predict(id, prompt, multimask, both), signal);
  }

  /** What the mask would be, or null: never worth waiting for, nor an error message. */
  async preview(prompt: Prompt, signal: AbortSignal): Promise<Candidate[] | null> {
    if (this.id === null) return null;
    return this.api.predict(this.id, prompt, true, either(signal, this.closed.signal)).catch(() => null);
  }

  everything(signal: AbortSignal): Promise<Candidate[]> {
    return this.ask((id, both) => this.api.everything(id, both), signal);
  }

  private async ask<T>(question: (id: string, signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    const both = either(signal, this.closed.signal);
    for (let resent = false; ; resent = true) {
      const id = await this.uploadedId();
      both.throwIfAborted();
      try {
        return await this.patiently(() => question(id, both), both);
      } catch (error) {
        if (resent || !isGone(error)) throw error;
        if (this.id === id) this.upload = this.id = null;
      }
    }
  }

  // Whoever asks first sends the picture; the others wait for the same answer.
  private uploadedId(): Promise<string> {
    this.upload ??= this.send().catch((error: unknown) => {
      this.upload = null;
      throw error;
    });
    return this.upload;
  }

  private async send(): Promise<string> {
    const { bytes, type, width, height } = this.picture;
    const signal = this.closed.signal;
    const { uploading, uploaded } = this.events;
    const answer = await this.patiently(() => this.api.uploadPicture(bytes, type, uploading, signal), signal);
    if (answer.width !== width || answer.height !== height) {
      const sizes = `${answer.width} x ${answer.height} pixels there, ${width} x ${height} here`;
      throw new ApiError(0, "size", `The server sees another picture: ${sizes}.`);
    }
    this.id = answer.id;
    uploaded();
    return answer.id;
  }

  private async patiently<T>(attempt: () => Promise<T>, signal: AbortSignal): Promise<T> {
    for (let tries = 1; ; ++tries) {
      try {
        return await attempt();
      } catch (error) {
        if (!isBusy(error) || tries >= MAX_TRIES) throw error;
        const seconds = Math.min(error.retryAfterSeconds ?? DEFAULT_WAIT_S, LONGEST_WAIT_S);
        this.events.waiting(seconds);
        await this.sleep(seconds * 1000, signal);
      }
    }
  }
}

function isBusy(error: unknown): error is ApiError {
  return error instanceof ApiError && (error.status === 503 || error.status === 429);
}

function isGone(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 404 || error.status === 410);
}

function either(a: AbortSignal, b: AbortSignal): AbortSignal {
  const both = new AbortController();
  for (const signal of [a, b]) {
    if (signal.aborted) both.abort(signal.reason);
    signal.addEventListener("abort", () => both.abort(signal.reason), { once: true });
  }
  return both.signal;
}

function abortableSleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), reject(signal.reason)), { once: true });
  });
}
