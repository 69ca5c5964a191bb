// node run.mjs FACET MODEL [SHOTS]: the page in headless Chromium against the real `facet serve`.
// Ends with 77 and a reason where the browser or a new enough Node.js is missing.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const BROWSERS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

function skip(reason) {
  console.log(`web.page: Skipped\n${reason}\n`);  // as scripts/list_skipped reads it
  process.exit(77);
}

const [facet, model, shots = ""] = process.argv.slice(2);
if (Number(process.versions.node.split(".")[0]) < 20) skip("playwright-core needs Node.js 20 or newer");
const browser = process.env.FACET_BROWSER ?? BROWSERS.find((path) => existsSync(path));
if (!browser) skip("Chromium is not installed");

const test = join(dirname(fileURLToPath(import.meta.url)), "page.test.mjs");
const environment = { ...process.env, FACET_PROGRAM: facet, FACET_MODEL: model, FACET_BROWSER: browser, FACET_SHOTS: shots };
const { status } = spawnSync(process.execPath, ["--test", "--test-reporter=spec", test], { stdio: "inherit", env: environment });
process.exit(status ?? 1);
