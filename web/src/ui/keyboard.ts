/** What keys do; the page says how. */
export interface KeyActions {
  undo(): void;
  redo(): void;
  newObject(): void;
  step(by: 1 | -1): void;
  chooseCandidate(index: number): void;
  deleteObject(): void;
  setTool(tool: Tool): void;
  everything(): void;
  toggleMasks(): void;
  zoom(factor: number): void;
  fit(): void;
  download(): void;
  open(): void;
  help(): void;
  escape(): void;
  moveCursor(dx: number, dy: number, fine: boolean): void;
  clickCursor(negative: boolean): void;
}

export type Tool = "add" | "remove" | "box" | "select";

const ARROWS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** Whether the key meant something. `onCanvas`: the picture has the focus. */
export function handleKey(event: KeyboardEvent, actions: KeyActions, onCanvas: boolean): boolean {
  if (event.ctrlKey || event.metaKey) return handleCommand(event, actions);
  if (event.altKey) return false;
  if (onCanvas && ARROWS[event.key]) {
    const [dx, dy] = ARROWS[event.key];
    actions.moveCursor(dx, dy, event.shiftKey);
    return true;
  }
  if (onCanvas && event.key === "Enter") {
    actions.clickCursor(event.shiftKey);
    return true;
  }
  const run = plainKeys(actions)[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  run?.();
  return run !== undefined;
}

function handleCommand(event: KeyboardEvent, actions: KeyActions): boolean {
  const key = event.key.toLowerCase();
  if (key === "z" && !event.shiftKey) actions.undo();
  else if (key === "y" || key === "z") actions.redo();
  else return false;
  return true;
}

function plainKeys(actions: KeyActions): Record<string, (() => void) | undefined> {
  return {
    "n": actions.newObject,
    "[": () => actions.step(-1),
    "]": () => actions.step(1),
    "1": () => actions.chooseCandidate(0),
    "2": () => actions.chooseCandidate(1),
    "3": () => actions.chooseCandidate(2),
    "Delete": actions.deleteObject,
    "Backspace": actions.deleteObject,
    "a": () => actions.setTool("add"),
    "r": () => actions.setTool("remove"),
    "b": () => actions.setTool("box"),
    "v": () => actions.setTool("select"),
    "e": actions.everything,
    "h": actions.toggleMasks,
    "+": () => actions.zoom(1.25),
    "=": () => actions.zoom(1.25),
    "-": () => actions.zoom(0.8),
    "0": actions.fit,
    "d": actions.download,
    "o": actions.open,
    "?": actions.help,
    "Escape": actions.escape,
  };
}
