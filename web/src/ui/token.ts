import { byId } from "./dom";

const KEY = "facet-token";

export function storedToken(): string | null {
  return sessionStorage.getItem(KEY);
}

/** Null when the person gives up. */
export function askForToken(): Promise<string | null> {
  const dialog = byId<HTMLDialogElement>("token-dialog");
  const input = byId<HTMLInputElement>("token-input");
  input.value = "";
  dialog.returnValue = "cancel";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      const token = dialog.returnValue === "ok" ? input.value.trim() : "";
      if (token) sessionStorage.setItem(KEY, token);
      resolve(token || null);
    }, { once: true });
  });
}
