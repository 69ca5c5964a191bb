/** The present, what came before it, and what was undone. Values are never changed, only replaced. */
export class History<T> {
  private readonly past: T[] = [];
  private future: T[] = [];

  constructor(private current: T, private readonly limit = 200) {}

  get present(): T {
    return this.current;
  }
  get canUndo(): boolean {
    return this.past.length > 0;
  }
  get canRedo(): boolean {
    return this.future.length > 0;
  }

  /** A new present; what was undone is forgotten. Equal to the old one: nothing happens. */
  commit(next: T): void {
    if (next === this.current) return;
    this.past.push(this.current);
    if (this.past.length > this.limit) this.past.shift();
    this.future = [];
    this.current = next;
  }

  /** A new present that undo does not stop at: which object is active, what is shown. */
  replace(next: T): void {
    this.current = next;
  }

  undo(): void {
    const before = this.past.pop();
    if (before === undefined) return;
    this.future.push(this.current);
    this.current = before;
  }

  redo(): void {
    const after = this.future.pop();
    if (after === undefined) return;
    this.past.push(this.current);
    this.current = after;
  }
}
