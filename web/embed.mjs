// node embed.mjs DIST OUT.cpp: a C++ file with the table of src/service/web_assets.h. The bytes are read by the
// assembler (.incbin), so that megabytes compile in no time; compressed forms are written beside OUT.cpp.
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, extname, join, relative, resolve } from "node:path";
import { gzipSync } from "node:zlib";

const TYPES = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".png": "image/png",
  ".svg": "image/svg+xml",
};
const PAGES = { "/index.html": "/", "/docs.html": "/docs" };
const WORTH_IT = 0.9;

function filesUnder(folder) {
  const entries = readdirSync(folder, { withFileTypes: true });
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesUnder(path) : [path];
  });
}

function etag(bytes) {
  return `"${createHash("sha256").update(bytes).digest("hex").slice(0, 32)}"`;
}

function assetsOf(dist, scratch) {
  const assets = filesUnder(dist).flatMap((file) => {
    const url = `/${relative(dist, file).replaceAll("\\", "/")}`;
    const type = TYPES[extname(file)];
    if (!type) throw new Error(`${file}: no content type for this ending; add it to web/embed.mjs`);
    const common = { path: PAGES[url] ?? url, type, immutable: url.startsWith("/assets/") };
    const bytes = readFileSync(file);
    const plain = { ...common, file, etag: etag(bytes), gzip: false };
    const packed = gzipSync(bytes, { level: 9 });
    if (packed.length > bytes.length * WORTH_IT) return [plain];
    const packedFile = join(scratch, `${etag(bytes).slice(1, -1)}.gz`);
    writeFileSync(packedFile, packed);
    return [plain, { ...common, file: packedFile, etag: etag(packed), gzip: true }];
  });
  return assets.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : Number(a.gzip) - Number(b.gzip)));
}

const text = (value) => JSON.stringify(value);

function embedded(asset, i) {
  const name = `facet_web_asset_${i}`;
  return `asm(R"(
  .section .rodata
  .balign 16
  .hidden ${name}
  .hidden ${name}_end
  .globl ${name}
  .globl ${name}_end
${name}:
  .incbin ${text(asset.file)}
${name}_end:
  .byte 0
  .text
)");
extern "C" const unsigned char ${name}[];
extern "C" const unsigned char ${name}_end[];
`;
}

function row(asset, i) {
  const name = `facet_web_asset_${i}`;
  const bytes = `std::span<const unsigned char>(${name}, ${name}_end)`;
  const fields = [text(asset.path), text(asset.type), text(asset.etag), bytes, asset.gzip, asset.immutable];
  return `      {${fields.join(", ")}},`;
}

const [dist, out] = process.argv.slice(2).map((path) => resolve(path));
mkdirSync(dirname(out), { recursive: true });
const assets = assetsOf(dist, dirname(out));
writeFileSync(out, `// Written by web/embed.mjs.
#include "service/web_assets.h"

${assets.map(embedded).join("\n")}
namespace facet::service {

std::span<const WebAsset> web_assets() {
  static const WebAsset assets[] = {
${assets.map(row).join("\n")}
  };
  return assets;
}

}  // namespace facet::service
`);
