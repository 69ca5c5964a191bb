import { download, type DownloadKind } from "./export/downloads";
import { openPicture, PictureError, setWindow, type Picture } from "./pictures/picture";
import type { Window } from "./pictures/window";
import { Api, ApiError } from "./server/api";
import { PictureSession } from "./server/picture_session";
import { History } from "./state/history";
import { HoverPreview } from "./state/hover_preview";
import { Prompter, type Answer } from "./state/prompter";
import * as scenes from "./state/scene";
import type { Box, Scene } from "./state/scene";
import { CandidateRow } from "./ui/candidate_row";
import { byId } from "./ui/dom";
import type { KeyActions, Tool } from "./ui/keyboard";
import { clearErrors, errorToast, explain, toast } from "./ui/messages";
import { ObjectList } from "./ui/object_list";
import { Progress } from "./ui/progress";
import { askForToken, storedToken } from "./ui/token";
import { WindowPanel } from "./ui/window_panel";
import { Stage } from "./view/stage";
import { isInside, type Position } from "./view/viewport";

const MAX_CURSOR_STEP = 0.02;

/** The page: one picture at a time, its objects, and what people do to them. */
export class App implements KeyActions {
  readonly stage = new Stage(byId<HTMLCanvasElement>("stage"), (scale) => {
    byId("zoom-fit").textContent = `${Math.round(scale * 100)}%`;
  });
  tool: Tool = "add";
  private readonly api = new Api(new URL("./", document.baseURI).href);
  private picture: Picture | null = null;
  private session: PictureSession | null = null;
  private history = new History<Scene>(scenes.EMPTY_SCENE);
  private job: AbortController | null = null;  // segmenting everything
  private ready = false;
  private cursor: Position | null = null;

  private readonly progress = new Progress();
  private readonly prompter = new Prompter(
    () => this.scene,
    (prompt, multimask, signal) => this.session!.predict(prompt, multimask, signal),
    {
      changed: () => this.update(),
      answered: (answer) => this.accept(answer),
      failed: (error) => void this.fail(error),
    },
  );
  private readonly hover = new HoverPreview(
    async (prompt, signal) => (await this.session?.preview(prompt, signal)) ?? null,
    (preview) => this.stage.show({ preview }),
  );
  private readonly list = new ObjectList({
    activate: (id) => this.activate(id),
    rename: (id, name) => this.edit(id, (object) => ({ ...object, name: name.trim() || object.name })),
    toggle: (id) => this.edit(id, (object) => ({ ...object, visible: !object.visible })),
    remove: (id) => this.commit(scenes.withoutObject(this.scene, id)),
    highlight: (highlightId) => this.stage.show({ highlightId }),
  });
  private readonly candidates = new CandidateRow(
    (index) => this.chooseCandidate(index),
    (candidate) => this.stage.show({ preview: candidate?.rle ?? null }),
  );
  private readonly windowPanel = new WindowPanel((window) => this.changeWindow(window));

  constructor() {
    this.api.token = storedToken();
    byId("model").addEventListener("change", () => this.changeModel());
    byId("alternatives").addEventListener("click", () => this.prompter.change((prompt) => prompt, true));
    this.update();
  }

  get scene(): Scene {
    return this.history.present;
  }

  // ---- pictures

  async openFile(file: Blob, name: string): Promise<void> {
    try {
      const picture = await openPicture(file, name);
      this.close();
      await this.showPicture(picture);
    } catch (error) {
      errorToast(error instanceof PictureError ? error.message : `${name} cannot be opened: ${explain(error)}`);
    }
  }

  private async showPicture(picture: Picture): Promise<void> {
    clearErrors();
    this.picture = picture;
    this.history = new History<Scene>(scenes.EMPTY_SCENE);
    document.body.dataset.view = "work";
    document.title = `${picture.name} – Facet`;
    byId("file-name").textContent = picture.name;
    byId("file-size").textContent = `${picture.width} × ${picture.height}`;
    this.windowPanel.show(picture.deep);
    this.stage.setPicture(picture);
    await this.encode();
  }

  private async encode(): Promise<void> {
    this.session?.close();
    const session = (this.session = this.newSession(this.picture!));
    this.ready = false;
    this.progress.show("Sending the picture", 0);
    this.update();
    try {
      await session.open();
    } catch (error) {
      if (this.session === session) void this.fail(error, () => void this.encode());
    }
  }

  private newSession(picture: Picture): PictureSession {
    const session: PictureSession = new PictureSession(this.api, picture, {
      uploading: (sent) => {
        if (this.session !== session) return;
        if (sent < 1) this.progress.show("Sending the picture", sent);
        else this.progress.show("Encoding the picture", null);
      },
      uploaded: () => this.session === session && this.becomeReady(),
      waiting: (seconds) => this.session === session && this.progress.setNote(`The server is busy; again in ${seconds} s`),
    });
    return session;
  }

  private becomeReady(): void {
    this.ready = true;
    this.progress.hide();
    this.update();
    void this.offerModels();
  }

  // Asked when the server has let us in; shown when there is something to choose.
  private async offerModels(): Promise<void> {
    const select = byId<HTMLSelectElement>("model");
    if (select.options.length > 0) return;
    const names = await this.api.models();
    if (select.options.length > 0) return;
    select.append(...names.map((name) => new Option(name)));
    select.hidden = names.length < 2;
  }

  // The objects stay; what is clicked from now on comes from the other model.
  private changeModel(): void {
    this.escapeAll();
    this.api.model = byId<HTMLSelectElement>("model").value;
    void this.encode();
  }

  private close(): void {
    this.escapeAll();
    this.session?.close();
    this.session = null;
    this.progress.hide();
  }

  private changeWindow(window: Window): void {
    if (!this.picture) return;
    setWindow(this.picture, window);
    this.stage.redraw();
  }

  // ---- prompts

  /** `at` in image pixels. */
  click(at: Position, negative: boolean): void {
    if (!this.picture || !this.ready || !isInside(at, this.picture)) return;
    if (this.tool === "select") return this.activate(scenes.objectAt(this.scene, at.x, at.y)?.id ?? null);
    const removes = negative || this.tool === "remove";
    if (removes && this.scene.activeId === null && scenes.isEmpty(this.prompter.prompt)) {
      return toast("First click something that belongs to the object.");
    }
    this.hover.stop();
    const point = { x: round(at.x), y: round(at.y), label: removes ? (0 as const) : (1 as const) };
    this.prompter.change((prompt) => ({ ...prompt, points: [...prompt.points, point] }));
  }

  dragBox(box: Box | null): void {
    this.hover.stop();
    this.stage.show({ boxDraft: box });
  }

  finishBox(box: Box): void {
    this.stage.show({ boxDraft: null });
    if (!this.ready || box.x1 - box.x0 < 2 || box.y1 - box.y0 < 2) return;
    this.prompter.change((prompt) => ({ ...prompt, box }));
  }

  /** The box between two places, within the picture. */
  boxBetween(a: Position, b: Position): Box {
    const { width, height } = this.picture!;
    const x = [a.x, b.x].map((value) => round(Math.min(width, Math.max(0, value)))).sort((p, q) => p - q);
    const y = [a.y, b.y].map((value) => round(Math.min(height, Math.max(0, value)))).sort((p, q) => p - q);
    return { x0: x[0], y0: y[0], x1: x[1], y1: y[1] };
  }

  hoverAt(at: Position): void {
    if (!this.picture || !this.ready) return;
    const inside = isInside(at, this.picture);
    if (this.tool === "select") {
      this.stage.show({ highlightId: (inside && scenes.objectAt(this.scene, at.x, at.y)?.id) || null });
    } else if (inside && this.tool === "add" && this.scene.activeId === null && !this.prompter.busy) {
      this.hover.move({ x: round(at.x), y: round(at.y) });
    } else {
      this.hover.stop();
    }
  }

  hoverEnd(): void {
    this.hover.stop();
    this.stage.show({ highlightId: null });
  }

  // ---- objects

  private commit(scene: Scene): void {
    this.history.commit(scene);
    this.update();
  }

  private accept({ objectId, prompt, candidates, late }: Answer): void {
    const { activeId } = this.scene;
    const next = scenes.withPrediction(this.scene, objectId, prompt, candidates);
    this.commit(late ? scenes.withActive(next, activeId) : next);
  }

  private edit(id: number, change: (object: scenes.SceneObject) => scenes.SceneObject): void {
    const object = this.scene.objects.find((each) => each.id === id);
    if (object) this.commit(scenes.withObject(this.scene, change(object)));
  }

  private activate(id: number | null): void {
    this.prompter.letGo();
    this.history.replace(scenes.withActive(this.scene, id));
    this.update();
  }

  private update(): void {
    const { scene, prompter } = this;
    const active = scenes.activeObject(scene);
    this.stage.show({ scene, prompt: prompter.prompt });
    this.list.show(scene);
    this.candidates.show(this.picture, active, active !== null && !scenes.isEmpty(active.prompt));
    byId<HTMLButtonElement>("undo").disabled = !this.history.canUndo && !prompter.busy;
    byId<HTMLButtonElement>("redo").disabled = !this.history.canRedo;
    byId<HTMLButtonElement>("download").disabled = scene.objects.length === 0;
    byId<HTMLButtonElement>("everything").disabled = !this.ready || this.job !== null;
    byId<HTMLButtonElement>("new-object").disabled = scene.activeId === null && !prompter.busy;
    byId("hint").textContent = this.ready ? this.hint(active) : "";
    byId("stage").toggleAttribute("data-busy", prompter.busy);
  }

  private hint(active: scenes.SceneObject | null): string {
    const touch = matchMedia("(pointer: coarse)").matches;
    if (this.tool === "select") return touch ? "Tap an object to select it" : "Click an object to select it, drag to move the picture";
    if (this.tool === "box") return "Drag a box around an object";
    if (this.tool === "remove") return touch ? "Tap what does not belong to the object" : "Click what does not belong to the object";
    if (active) return touch ? "Tap to add, hold to take away" : "Click to add, right-click to take away; N begins a new object";
    return touch ? "Tap an object" : "Click an object, or drag a box around it";
  }

  private async fail(error: unknown, retry?: () => void): Promise<void> {
    if (error instanceof DOMException && error.name === "AbortError") return;
    this.progress.hide();
    if (error instanceof ApiError && error.status === 401) {
      this.api.token = await askForToken();
      if (this.api.token) return this.ready ? retry?.() : void this.encode();
    }
    errorToast(explain(error), retry && { label: "Try again", run: retry });
  }

  // ---- what keys and buttons do

  undo = (): void => {
    if (this.prompter.busy) return this.prompter.cancel();
    this.history.undo();
    this.update();
  };

  redo = (): void => {
    this.prompter.cancel();
    this.history.redo();
    this.update();
  };

  newObject = (): void => {
    if (this.tool !== "box") this.setTool("add");
    this.activate(null);
  };

  step = (by: 1 | -1): void => this.activate(scenes.neighbourId(this.scene, by));

  chooseCandidate = (index: number): void => {
    const active = scenes.activeObject(this.scene);
    if (!active || index >= active.candidates.length || index === active.chosen) return;
    this.stage.show({ preview: null });
    this.edit(active.id, (object) => ({ ...object, chosen: index }));
  };

  deleteObject = (): void => {
    if (this.scene.activeId !== null) this.commit(scenes.withoutObject(this.scene, this.scene.activeId));
  };

  setTool = (tool: Tool): void => {
    this.tool = tool;
    this.hoverEnd();
    byId("stage").dataset.tool = tool;
    for (const button of document.querySelectorAll<HTMLElement>("[data-tool][role=radio]")) {
      button.setAttribute("aria-checked", String(button.dataset.tool === tool));
    }
    this.update();
  };

  everything = (): void => void this.segmentEverything();

  private async segmentEverything(): Promise<void> {
    if (!this.session || !this.ready || this.job) return;
    const session = this.session;
    const job = (this.job = new AbortController());
    this.hoverEnd();
    this.prompter.cancel();
    this.progress.show("Segmenting everything", null, true);
    this.update();
    try {
      const masks = await session.everything(job.signal);
      if (this.session !== session) return;
      this.commit(scenes.withEverything(this.scene, masks));
      toast(masks.length === 1 ? "1 object found" : `${masks.length} objects found`);
    } catch (error) {
      void this.fail(error, this.everything);
    } finally {
      if (this.job === job) this.job = null;
      if (this.ready) this.progress.hide();
      this.update();
    }
  }

  toggleMasks = (): void => this.stage.show({ hidden: !this.stage.overlay.hidden });
  zoom = (factor: number): void => this.stage.zoom(factor);
  fit = (): void => this.stage.fitView();
  open = (): void => byId<HTMLInputElement>("file-input").click();
  help = (): void => byId<HTMLDialogElement>("help-dialog").showModal();

  download = (): void => {
    if (this.scene.objects.length > 0) byId("download-menu").showPopover();
  };

  async downloadAs(kind: DownloadKind): Promise<void> {
    const objects = this.scene.objects.filter((object) => object.visible);
    if (!this.picture || objects.length === 0) return toast("All objects are hidden: there is nothing to download.");
    try {
      toast(`${await download(kind, this.picture, objects)} is on its way`);
    } catch (error) {
      errorToast(`The file could not be made: ${explain(error)}`);
    }
  }

  escape = (): void => {
    if (this.escapeAll()) return;
    if (this.scene.activeId !== null) this.activate(null);
  };

  // Whether there was something to give up.
  private escapeAll(): boolean {
    const pending = this.prompter.busy || this.job !== null;
    this.job?.abort(new DOMException("Given up.", "AbortError"));
    this.job = null;
    this.prompter.cancel();
    this.hoverEnd();
    this.cursor = null;
    this.stage.show({ boxDraft: null, cursor: null, preview: null });
    return pending;
  }

  moveCursor = (dx: number, dy: number, fine: boolean): void => {
    if (!this.picture) return;
    const { width, height } = this.picture;
    const step = fine ? 1 : Math.max(1, Math.max(width, height) * MAX_CURSOR_STEP);
    const { x, y } = this.cursor ?? { x: width / 2, y: height / 2 };
    const within = (value: number, limit: number): number => Math.min(limit - 0.5, Math.max(0, value));
    this.cursor = { x: within(x + dx * step, width), y: within(y + dy * step, height) };
    this.stage.show({ cursor: this.cursor });
    this.hoverAt(this.cursor);
  };

  clickCursor = (negative: boolean): void => {
    if (this.cursor) this.click(this.cursor, negative);
  };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
