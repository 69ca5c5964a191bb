import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { FacetServer } from "./facet_server.mjs";
import { closeBrowser, Page } from "./page.mjs";

const CELLS = readFileSync(new URL("../../examples/pictures/micrograph.png", import.meta.url));
// The synthetic model segments nothing in particular; what masks look like is asked of the real one only.
const REAL_MODEL = process.env.FACET_MODEL.includes("mobile_sam");
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true, colorScheme: "light" };

let server;
before(async () => (server = await FacetServer.start()));
after(async () => {
  await closeBrowser();
  assert.equal(await server.stop(), 0, "the server ends well");
});

function pngSize(bytes) {
  assert.deepEqual([...bytes.subarray(1, 4)], [80, 78, 71]);
  return [bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
}

/** What waits for `opened` goes on once `open` was called. */
function gate() {
  let open;
  const opened = new Promise((resolve) => (open = resolve));
  return { open, opened };
}

test("clicks, boxes, names, undo and downloads", async () => {
  const page = await Page.open(server.url);
  await page.shot("welcome");
  await page.openSample("cells");
  await page.click(260, 215);
  assert.equal(await page.candidates(), 3, "a lone click gives three masks to choose from");
  await page.press("3");
  assert.equal(await page.tab.getAttribute(".candidate:nth-child(3)", "aria-checked"), "true");
  await page.press("2");
  await page.click(262, 180, { button: "right" });
  assert.equal(await page.candidates(), 1, "two clicks say what is meant");
  assert.deepEqual(await page.names(), ["Object 1"]);

  await page.press("n");
  await page.click(165, 345);
  await page.press("n");
  await page.drag(545, 470, 670, 595);
  assert.deepEqual(await page.names(), ["Object 1", "Object 2", "Object 3"]);
  await page.tab.fill(".object:nth-child(2) .object-name", "nucleus");
  await page.tab.press(".object:nth-child(2) .object-name", "Enter");

  await page.tab.click("#undo");
  assert.deepEqual(await page.names(), ["Object 1", "Object 2", "Object 3"]);
  await page.press("Control+z");
  assert.deepEqual(await page.names(), ["Object 1", "Object 2"]);
  await page.press("Control+Shift+z", "Control+y");
  assert.deepEqual(await page.names(), ["Object 1", "nucleus", "Object 3"]);
  await page.shot("objects");

  const coco = await page.download("coco");
  assert.equal(coco.name, "cells_coco.json");
  const { images, annotations, categories } = JSON.parse(coco.bytes);
  assert.deepEqual(images, [{ id: 1, file_name: "cells.png", width: 1024, height: 768 }]);
  assert.deepEqual(categories.map(({ name }) => name), ["Object 1", "nucleus", "Object 3"]);
  assert.deepEqual(annotations[1].segmentation.size, [768, 1024]);
  if (REAL_MODEL) {
    assert.ok(annotations[1].area > 11000 && annotations[1].area < 14500, `the cell has ${annotations[1].area} pixels`);
    const [x, y, width, height] = annotations[2].bbox;
    assert.ok(x > 540 && y > 465 && x + width < 680 && y + height < 605, `the box gave ${annotations[2].bbox}`);
  }
  const polygons = JSON.parse((await page.download("polygons")).bytes);
  assert.equal(polygons.objects.length, 3);
  assert.deepEqual(pngSize((await page.download("labels")).bytes), [1024, 768]);
  assert.deepEqual(pngSize((await page.download("overlay")).bytes), [1024, 768]);
  assert.deepEqual(pngSize((await page.download("cutout")).bytes), [1024, 768]);
  const masks = await page.download("masks");
  assert.equal(masks.name, "cells_masks.zip");
  assert.ok(masks.bytes.includes("cells_002_nucleus.png"));
  await page.close();
});

test("everything at once, selecting, hiding and deleting, dark", async () => {
  const page = await Page.open(server.url, { viewport: { width: 1280, height: 800 }, colorScheme: "dark" });
  await page.openSample("cells");
  await page.press("e");
  await page.tab.waitForSelector("#progress:not([hidden])");
  await page.encoded();
  const found = (await page.names()).length;
  if (REAL_MODEL) assert.ok(found >= 20 && found <= 60, `${found} objects`);
  await page.shot("everything_dark");
  if (found > 0) {
    await page.press("v", "]");
    await page.tab.click(".object[data-active] [data-action=show]");
    await page.press("Delete");
    assert.equal((await page.names()).length, found - 1);
    await page.press("Control+z");
    assert.equal((await page.names()).length, found);
  }
  await page.press("?");
  await page.shot("help_dark");
  await page.press("Escape");
  assert.equal(await page.tab.locator("#help-dialog[open]").count(), 0);
  await page.close();
});

test("a hover shows what a click would give, and makes nothing", async () => {
  const page = await Page.open(server.url);
  await page.openSample("cells");
  const answer = page.tab.waitForResponse((response) => response.url().endsWith("/masks"));
  await page.tab.mouse.move(...(await page.at(300, 300)));
  assert.equal((await answer).status(), 200);
  assert.deepEqual(await page.names(), [], "nothing is made of it");
  await page.close();
});

test("a picture of 16 bits is windowed in the page and sent as it is", async () => {
  const page = await Page.open(server.url);
  let sent;
  page.tab.on("request", (request) => {
    if (request.method() === "POST" && request.url().endsWith("/v1/images")) sent = request.postDataBuffer();
  });
  await page.openSample("nuclei");
  assert.equal(sent[24], 16, "the server gets 16 bits");
  assert.equal(await page.tab.isVisible("#window-panel"), true);
  const before = await page.tab.textContent("#window-values");
  await page.tab.click("#window-full");
  const after = await page.tab.textContent("#window-values");
  assert.notEqual(after, before);
  await page.tab.focus("#window-high");
  await page.press("Home");
  const [low, high] = (await page.tab.textContent("#window-values")).split(" – ").map(Number);
  assert.equal(high, low + 1, "the sliders do not cross");
  await page.tab.click("#window-auto");
  assert.equal(await page.tab.textContent("#window-values"), before);
  await page.click(280, 430);
  assert.equal((await page.names()).length, 1);
  await page.shot("window");
  await page.close();
});

test("with the keyboard alone", async () => {
  const page = await Page.open(server.url);
  await page.openSample("cells");
  await page.tab.focus("#stage");
  await page.press("ArrowLeft", "ArrowUp", "Shift+ArrowUp", "Enter");
  await page.answered();
  await page.press("ArrowRight", "ArrowRight", "Shift+Enter");
  await page.answered();
  assert.deepEqual(await page.names(), ["Object 1"]);
  await page.press("n", "ArrowDown", "Enter");
  await page.answered();
  assert.deepEqual(await page.names(), ["Object 1", "Object 2"]);
  await page.close();
});

test("on a phone: tap, long press, box, pinch", async () => {
  const page = await Page.open(server.url, PHONE);
  await page.shot("phone_welcome");
  await page.tab.tap("[data-sample=cells]");
  await page.encoded();
  const finger = await page.tab.context().newCDPSession(page.tab);
  const touch = (type, ...points) => finger.send("Input.dispatchTouchEvent", { type, touchPoints: points.map(([x, y], id) => ({ x, y, id })) });
  await page.tab.touchscreen.tap(...(await page.at(165, 345)));
  await page.tab.waitForSelector(".object");
  await page.answered();
  assert.equal(await page.candidates(), 3);
  await page.shot("phone");

  await touch("touchStart", await page.at(165, 420));
  await page.tab.waitForFunction(() => document.querySelectorAll(".candidate").length === 1);  // the press was long enough
  await touch("touchEnd");
  await page.answered();

  const zoom = () => page.tab.textContent("#zoom-fit");
  const before = await zoom();
  await touch("touchStart", [120, 300], [220, 300]);
  await touch("touchMove", [80, 300], [300, 300]);
  await touch("touchEnd");
  assert.notEqual(await zoom(), before);
  assert.deepEqual(await page.names(), ["Object 1"], "two fingers click nothing");
  await page.tab.tap("#zoom-fit");
  assert.equal(await zoom(), before);

  await page.tab.tap("#new-object");
  await page.tab.tap("[data-tool=box]");
  const [from, to] = [await page.at(545, 470), await page.at(670, 595)];
  await touch("touchStart", from);
  await touch("touchMove", [(from[0] + to[0]) / 2, (from[1] + to[1]) / 2]);
  await touch("touchMove", to);
  await touch("touchEnd");
  await page.tab.waitForSelector(".object:nth-child(2)");
  assert.equal(await page.tab.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, "nothing sticks out");
  await page.close();
});

test("what is no picture is refused with a reason, and the page goes on", async () => {
  const page = await Page.open(server.url);
  await page.openFile("notes.png", Buffer.from("not a picture"));
  await page.tab.waitForSelector(".toast.error");
  assert.match(await page.tab.textContent(".toast.error"), /notes\.png is not a JPEG, PNG or WebP picture/);
  await page.openFile("cut.png", CELLS.subarray(0, 2000));
  await page.tab.waitForFunction(() => /damaged|refused/.test(document.querySelector(".toast.error")?.textContent ?? ""));
  await page.openFile("cells.png", CELLS);
  await page.encoded();
  await page.click(260, 215);
  assert.deepEqual(await page.names(), ["Object 1"]);
  await page.close();
});

test("a picture that the server has dropped is sent again by itself", async () => {
  const page = await Page.open(server.url);
  const answer = page.tab.waitForResponse((response) => response.url().endsWith("/v1/images"));
  await page.openSample("cells");
  const { id } = await (await answer).json();
  await fetch(`${server.url}v1/images/${id}`, { method: "DELETE" });
  const again = page.tab.waitForResponse((response) => response.url().endsWith("/v1/images"));
  await page.click(260, 215);
  assert.equal((await again).ok(), true);
  assert.deepEqual(await page.names(), ["Object 1"]);
  await page.close();
});

test("a busy server is asked again, a dead one is named", async () => {
  const page = await Page.open(server.url);
  let refusals = 1;
  await page.tab.route("**/masks", (route) => {
    if (refusals-- > 0) return route.fulfill({ status: 503, headers: { "Retry-After": "1" }, body: '{"error":{"message":"full"}}' });
    return route.continue();
  });
  await page.openSample("cells");
  await page.press("b");  // no hover there, which would meet the refusal first
  await page.drag(545, 470, 670, 595);
  assert.deepEqual(await page.names(), ["Object 1"]);
  await page.tab.unroute("**/masks");
  await page.tab.route("**/masks", (route) => route.abort());
  await page.press("n");
  await page.drag(200, 160, 320, 270);
  await page.tab.waitForSelector(".toast.error");
  assert.match(await page.tab.textContent(".toast.error"), /cannot be reached/);
  await page.close();
});

test("where several models serve, one can be chosen", async () => {
  const two = await FacetServer.start("--model", `other=${process.env.FACET_MODEL}`);
  const page = await Page.open(two.url);
  await page.openSample("cells");
  await page.tab.waitForSelector("#model:not([hidden])");
  const [sent, go] = [gate(), gate()];
  await page.tab.route("**/v1/images?model=other", async (route) => {
    sent.open();
    await go.opened;
    await route.continue();
  });
  await page.tab.selectOption("#model", "other");
  await sent.opened;
  assert.equal(await page.tab.isDisabled("#everything"), true, "nothing is asked of a model that has not seen the picture");
  go.open();
  await page.encoded();
  const asked = page.tab.waitForRequest((request) => request.url().endsWith("/masks?model=other"));
  await page.click(260, 215);
  await asked;
  assert.deepEqual(await page.names(), ["Object 1"]);
  await page.close();
  assert.equal(await two.stop(), 0);
});

test("a server that asks for a token is given one", async () => {
  const folder = mkdtempSync(join(tmpdir(), "facet-token-"));
  writeFileSync(join(folder, "tokens"), "tester 0123456789abcdef0123456789abcdef\n", { mode: 0o600 });
  const guarded = await FacetServer.start("--tokens-file", join(folder, "tokens"));
  const page = await Page.open(guarded.url);
  await page.tab.click("[data-sample=cells]");
  await page.tab.fill("#token-input", "0123456789abcdef0123456789abcdef");
  await page.tab.click("#token-dialog [value=ok]");
  await page.encoded();
  await page.click(260, 215);
  assert.deepEqual(await page.names(), ["Object 1"]);
  await page.close();
  assert.equal(await guarded.stop(), 0);
});

test("the interface is described at /docs from the server's own document", async () => {
  const page = await Page.open(`${server.url}docs`);
  await page.tab.waitForSelector(".swagger-ui .opblock");
  assert.ok((await page.tab.textContent(".swagger-ui")).includes("/v1/images"));
  await page.shot("docs");
  await page.close();
});

test("files of the page come compressed, with a tag, and not again", async () => {
  const packed = await fetch(server.url, { headers: { "Accept-Encoding": "gzip" } });
  assert.equal(packed.headers.get("content-encoding"), "gzip");
  assert.match(await packed.text(), /<title>Facet<\/title>/);
  const again = await fetch(server.url, { headers: { "Accept-Encoding": "gzip", "If-None-Match": packed.headers.get("etag") } });
  assert.equal(again.status, 304);
  const plain = await fetch(server.url, { headers: { "Accept-Encoding": "identity" } });
  assert.equal(plain.headers.get("content-encoding"), null);
  assert.notEqual(plain.headers.get("etag"), packed.headers.get("etag"));
});
