import { ApiError } from "../server/api";
import { byId, create, icon } from "./dom";

const SHOWN_MS = 6000;

/** Says something in passing; errors stay until they are closed or acted upon. */
export function toast(text: string, action?: { label: string; run: () => void }): void {
  show(create("div", { className: "toast" }, text), action, SHOWN_MS);
}

export function errorToast(text: string, action?: { label: string; run: () => void }): void {
  const line = create("div", { className: "toast error" }, text);
  line.setAttribute("role", "alert");
  show(line, action, null);
}

export function clearErrors(): void {
  for (const line of document.querySelectorAll(".toast.error")) line.remove();
}

function show(line: HTMLElement, action: { label: string; run: () => void } | undefined, ms: number | null): void {
  if (action) {
    const button = create("button", { className: "link", textContent: action.label });
    button.addEventListener("click", () => (line.remove(), action.run()));
    line.append(button);
  }
  if (ms === null) {
    const close = create("button", { className: "icon-button" }, icon("close"));
    close.setAttribute("aria-label", "Close");
    close.addEventListener("click", () => line.remove());
    line.append(close);
  } else {
    setTimeout(() => line.remove(), ms);
  }
  byId("toasts").replaceChildren(line);
}

/** What went wrong in a sentence, with what to do about it. */
export function explain(error: unknown): string {
  if (!(error instanceof ApiError)) return error instanceof Error ? error.message : String(error);
  switch (error.status) {
    case 413:
      return `The picture is too large for this server. ${error.message}`;
    case 415:
    case 422:
      return `The server refused: ${error.message}`;
    case 429:
    case 503:
      return "The server is busy. Try again in a moment.";
    case 504:
      return "The server did not get to it in time.";
    default:
      return error.message;
  }
}
