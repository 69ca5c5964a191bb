import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { chromium } from "playwright-core";

const browser = await chromium.launch({ executablePath: process.env.FACET_BROWSER, args: ["--no-sandbox"] });

export const closeBrowser = () => browser.close();

/** The page in a browser of its own: a picture as people meet it. Errors in the page fail the test. */
export class Page {
  static async open(url, options = { viewport: { width: 1280, height: 800 }, colorScheme: "light" }) {
    const context = await browser.newContext({ ...options, acceptDownloads: true });
    context.setDefaultTimeout(0);  // how long things take is the machine's business; ctest ends what hangs
    const page = new Page(await context.newPage());
    page.tab.on("pageerror", (error) => page.errors.push(error.stack));
    page.tab.on("console", (message) => {
      // The browser's own line about a status that the test provoked is no error of the page.
      if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) page.errors.push(message.text());
    });
    await page.tab.goto(url);
    return page;
  }

  constructor(tab) {
    this.tab = tab;
    this.errors = [];
  }

  async close() {
    await this.tab.context().close();
    if (this.errors.length > 0) throw new Error(`errors in the page:\n${this.errors.join("\n")}`);
  }

  async openSample(name) {
    await this.tab.click(`[data-sample=${name}]`);
    await this.encoded();
  }

  async openFile(name, buffer, mimeType = "image/png") {
    await this.tab.setInputFiles("#file-input", { name, mimeType, buffer });
  }

  encoded() {
    return this.tab.waitForSelector("#everything:not([disabled])");
  }

  answered() {
    return this.tab.waitForSelector("#stage:not([data-busy])");
  }

  /** Where a pixel of the picture is on the screen, from the zoom that the page shows. */
  async at(x, y) {
    const stage = await this.tab.locator("#stage").boundingBox();
    const size = (await this.tab.textContent("#file-size")).split(" × ").map(Number);
    const phone = stage.width < 760;
    const [side, top, bottom] = phone ? [10, 10, 70] : [28, 72, 28];
    const room = [stage.width - 2 * side, stage.height - top - bottom];
    const scale = Math.min(room[0] / size[0], room[1] / size[1], 4);
    return [
      stage.x + side + (room[0] - size[0] * scale) / 2 + x * scale,
      stage.y + top + (room[1] - size[1] * scale) / 2 + y * scale,
    ];
  }

  async click(x, y, options = {}) {
    const [left, top] = await this.at(x, y);
    const tab = this.tab;
    await tab.mouse.click(left, top, options);
    await this.answered();
  }

  async drag(x0, y0, x1, y1) {
    const [from, to] = [await this.at(x0, y0), await this.at(x1, y1)];
    await this.tab.mouse.move(...from);
    await this.tab.mouse.down();
    await this.tab.mouse.move(...to, { steps: 5 });
    await this.tab.mouse.up();
    await this.answered();
  }

  async press(...keys) {
    for (const key of keys) await this.tab.keyboard.press(key);
  }

  names() {
    return this.tab.locator("#object-list .object-name").evaluateAll((inputs) => inputs.map((input) => input.value));
  }

  candidates() {
    return this.tab.locator("#candidates:not([hidden]) .candidate").count();
  }

  /** The bytes of what the page hands out. */
  async download(kind) {
    await this.tab.click("#download");
    const [download] = await Promise.all([this.tab.waitForEvent("download"), this.tab.click(`[data-download=${kind}]`)]);
    return { name: download.suggestedFilename(), bytes: await readFile(await download.path()) };
  }

  async shot(name) {
    if (!process.env.FACET_SHOTS) return;
    await this.tab.mouse.move(0, 0);
    await this.tab.screenshot({ path: join(process.env.FACET_SHOTS, `${name}.png`) });
  }
}
