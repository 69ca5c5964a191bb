import cellsUrl from "../../examples/pictures/micrograph.png?url";
import { App } from "./app";
import type { DownloadKind } from "./export/downloads";
import { drawSample16 } from "./pictures/sample16";
import { byId } from "./ui/dom";
import { handleKey, type Tool } from "./ui/keyboard";
import { setUpTheme } from "./ui/theme";
import { connectPointer } from "./view/pointer_input";

const app = new App();

function onClick(id: string, run: () => void): void {
  byId(id).addEventListener("click", run);
}

onClick("choose", app.open);
onClick("open", app.open);
onClick("undo", app.undo);
onClick("redo", app.redo);
onClick("everything", app.everything);
onClick("new-object", app.newObject);
onClick("help", app.help);
onClick("zoom-in", () => app.zoom(1.25));
onClick("zoom-out", () => app.zoom(0.8));
onClick("zoom-fit", app.fit);
setUpTheme(byId("theme"), () => app.stage.redraw());

const stage = byId<HTMLCanvasElement>("stage");
connectPointer(stage, app);

for (const button of document.querySelectorAll<HTMLElement>("[data-tool][role=radio]")) {
  button.addEventListener("click", () => app.setTool(button.dataset.tool as Tool));
}

const menu = byId("download-menu");
for (const button of menu.querySelectorAll<HTMLElement>("[data-download]")) {
  button.addEventListener("click", () => {
    menu.hidePopover();
    void app.downloadAs(button.dataset.download as DownloadKind);
  });
}

// ---- where pictures come from

const input = byId<HTMLInputElement>("file-input");
input.addEventListener("change", () => {
  const file = input.files?.[0];
  if (file) void app.openFile(file, file.name);
  input.value = "";
});

async function openSample(name: string): Promise<void> {
  if (name === "cells") await app.openFile(await (await fetch(cellsUrl)).blob(), "cells.png");
  else await app.openFile(new Blob([(await drawSample16()) as Uint8Array<ArrayBuffer>]), "nuclei-16bit.png");
}
for (const button of document.querySelectorAll<HTMLElement>("[data-sample]")) {
  button.addEventListener("click", () => void openSample(button.dataset.sample!));
}

let dragDepth = 0;
function showDropping(on: boolean): void {
  document.body.toggleAttribute("data-dropping", on);
}
addEventListener("dragenter", (event) => {
  if (event.dataTransfer?.types.includes("Files")) showDropping(++dragDepth > 0);
});
addEventListener("dragleave", () => showDropping((dragDepth = Math.max(0, dragDepth - 1)) > 0));
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  showDropping((dragDepth = 0) > 0);
  const file = event.dataTransfer?.files[0];
  if (file) void app.openFile(file, file.name);
});
addEventListener("paste", (event) => {
  const file = event.clipboardData?.files[0];
  if (file) void app.openFile(file, file.name || "pasted.png");
});

// ---- keys

addEventListener("keydown", (event) => {
  const target = event.target as Element;
  if (target.closest("input:not([type=range]), select, dialog[open]")) return;
  if (event.key === "Escape" && menu.matches(":popover-open")) return menu.hidePopover();
  if (target.closest("input[type=range]") && event.key.startsWith("Arrow")) return;
  if (handleKey(event, app, target === stage)) event.preventDefault();
});
