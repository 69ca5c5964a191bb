import { area } from "../masks/rle";
import { chosenMask, type Scene, type SceneObject } from "../state/scene";
import { byId, create, icon } from "./dom";

export interface ObjectListEvents {
  activate(id: number): void;
  rename(id: number, name: string): void;
  toggle(id: number): void;
  remove(id: number): void;
  highlight(id: number | null): void;
}

/** The objects with their colours, names and shares of the picture. Rows are kept while their object lives, so that
 * a name being typed survives what happens meanwhile. */
export class ObjectList {
  private readonly list = byId<HTMLUListElement>("object-list");
  private readonly rows = new Map<number, HTMLLIElement>();
  private shown: Scene | null = null;

  constructor(private readonly events: ObjectListEvents) {}

  show(scene: Scene): void {
    if (scene === this.shown) return;
    const activeBefore = this.shown?.activeId;
    this.shown = scene;
    byId("objects-empty").hidden = scene.objects.length > 0;
    this.list.hidden = scene.objects.length === 0;
    byId("object-count").textContent = scene.objects.length > 0 ? String(scene.objects.length) : "";
    this.dropRowsNotIn(scene);
    scene.objects.forEach((object, i) => {
      const row = this.rowOf(object);
      fillRow(row, object, object.id === scene.activeId);
      if (this.list.children[i] !== row) this.list.insertBefore(row, this.list.children[i] ?? null);
    });
    if (scene.activeId !== null && scene.activeId !== activeBefore) {
      this.rows.get(scene.activeId)?.scrollIntoView({ block: "nearest" });
    }
  }

  private dropRowsNotIn(scene: Scene): void {
    const alive = new Set(scene.objects.map((object) => object.id));
    for (const [id, row] of this.rows) {
      if (alive.has(id)) continue;
      row.remove();
      this.rows.delete(id);
    }
  }

  private rowOf(object: SceneObject): HTMLLIElement {
    let row = this.rows.get(object.id);
    if (!row) this.rows.set(object.id, (row = this.makeRow(object.id)));
    return row;
  }

  private makeRow(id: number): HTMLLIElement {
    const name = create("input", { className: "object-name", spellcheck: false, maxLength: 80 });
    name.setAttribute("aria-label", "Name");
    name.addEventListener("change", () => this.events.rename(id, name.value));
    name.addEventListener("keydown", (event) => event.key === "Enter" && name.blur());
    const row = create(
      "li",
      { className: "object" },
      create("span", { className: "swatch" }),
      name,
      create("span", { className: "share" }),
      this.button("show", () => this.events.toggle(id)),
      this.button("delete", () => this.events.remove(id)),
    );
    row.addEventListener("click", (event) => {
      if (!(event.target as Element).closest("button")) this.events.activate(id);
    });
    row.addEventListener("pointerenter", () => this.events.highlight(id));
    row.addEventListener("pointerleave", () => this.events.highlight(null));
    return row;
  }

  private button(action: string, run: () => void): HTMLButtonElement {
    const button = create("button", { className: "icon-button" }, icon(action === "delete" ? "trash" : "eye"));
    button.dataset.action = action;
    button.addEventListener("click", run);
    return button;
  }
}

function fillRow(row: HTMLLIElement, object: SceneObject, active: boolean): void {
  row.toggleAttribute("data-active", active);
  row.toggleAttribute("data-hidden", !object.visible);
  row.setAttribute("aria-current", String(active));
  row.querySelector<HTMLElement>(".swatch")!.style.background = object.colour;
  const name = row.querySelector("input")!;
  if (document.activeElement !== name) name.value = object.name;
  const { rle, score } = chosenMask(object);
  const share = row.querySelector<HTMLElement>(".share")!;
  share.textContent = percent(area(rle) / (rle.width * rle.height));
  share.title = `${area(rle).toLocaleString("en")} pixels, score ${score.toFixed(2)}`;
  const [show, remove] = row.querySelectorAll("button");
  label(show, `${object.visible ? "Hide" : "Show"} ${object.name}`);
  show.querySelector("use")!.setAttribute("href", object.visible ? "#i-eye" : "#i-eye-off");
  label(remove, `Delete ${object.name}`);
}

function label(button: HTMLButtonElement, text: string): void {
  button.title = text;
  button.setAttribute("aria-label", text);
}

function percent(fraction: number): string {
  const value = fraction * 100;
  return `${value < 0.1 ? "<0.1" : value.toFixed(value < 10 ? 1 : 0)} %`;
}
