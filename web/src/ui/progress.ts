import { byId } from "./dom";

/** What the page waits for: a card over the picture with a bar and, when it takes longer, the seconds. */
export class Progress {
  private readonly card = byId("progress");
  private readonly bar = byId<HTMLProgressElement>("progress-bar");
  private startedMs = 0;
  private note = "";
  private ticker: ReturnType<typeof setInterval> | undefined;

  /** `fraction` null: nobody knows how long. `quiet`: at the lower edge, the picture stays usable. */
  show(title: string, fraction: number | null, quiet = false): void {
    byId("progress-title").textContent = title;
    if (this.card.hidden) this.start();
    this.card.hidden = false;
    this.card.toggleAttribute("data-quiet", quiet);
    this.setNote("");
    if (fraction === null) this.bar.removeAttribute("value");
    else this.bar.value = fraction;
  }

  setNote(note: string): void {
    this.note = note;
    this.tick();
  }

  hide(): void {
    this.card.hidden = true;
    clearInterval(this.ticker);
  }

  private start(): void {
    this.startedMs = performance.now();
    clearInterval(this.ticker);
    this.ticker = setInterval(() => this.tick(), 500);
  }

  private tick(): void {
    const seconds = Math.floor((performance.now() - this.startedMs) / 1000);
    byId("progress-note").textContent = this.note || (seconds >= 1 ? `${seconds} s` : "");
  }
}
