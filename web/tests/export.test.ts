import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { cocoDocument, polygonsDocument } from "../src/export/documents";
import { fileWord, labelImage, masksArchive } from "../src/export/images";
import { zip } from "../src/export/zip";
import { encode, rleFromJson, type RleJson } from "../src/masks/rle";
import { decodePng16 } from "../src/pictures/png";
import type { Picture } from "../src/pictures/picture";
import { EMPTY_PROMPT, type SceneObject } from "../src/state/scene";

const PICTURE = { name: "cells.png", width: 6, height: 4 } as Picture;

function object(id: number, name: string, ...pixels: number[]): SceneObject {
  const bits = new Uint8Array(24);
  for (const pixel of pixels) bits[pixel] = 1;
  const candidate = { rle: encode({ width: 6, height: 4, bits }), score: 0.987654 };
  return { id, name, colour: "#ff0000", prompt: EMPTY_PROMPT, candidates: [candidate], chosen: 0, visible: true };
}
const OBJECTS = [object(1, "cell", 0, 1, 6, 7), object(2, "débris / 2", 9), object(5, "cell", 7, 13)];

function unpack(archive: Uint8Array): Record<string, Uint8Array> {
  const folder = mkdtempSync(join(tmpdir(), "facet-zip-"));
  writeFileSync(join(folder, "a.zip"), archive);
  const script = "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; z.extractall(sys.argv[2])";
  execFileSync("python3", ["-c", script, join(folder, "a.zip"), join(folder, "out")]);
  return Object.fromEntries(readdirSync(join(folder, "out")).map((name) => [name, readFileSync(join(folder, "out", name))]));
}

describe("what is downloaded", () => {
  it("as COCO has a category for every name and masks that read back", () => {
    const coco = cocoDocument(PICTURE, OBJECTS) as {
      images: object[];
      categories: object[];
      annotations: { category_id: number; bbox: number[]; area: number; score: number; segmentation: RleJson }[];
    };
    expect(coco.images).toEqual([{ id: 1, file_name: "cells.png", width: 6, height: 4 }]);
    expect(coco.categories).toEqual([{ id: 1, name: "cell" }, { id: 2, name: "débris / 2" }]);
    expect(coco.annotations.map(({ category_id }) => category_id)).toEqual([1, 2, 1]);
    expect(coco.annotations[2]).toMatchObject({ id: 3, image_id: 1, iscrowd: 0, area: 2, bbox: [1, 1, 1, 2], score: 0.9877 });
    expect(rleFromJson(coco.annotations[0].segmentation)).toEqual(OBJECTS[0].candidates[0].rle);
  });

  it("as polygons has outer rings and holes", () => {
    const ring = object(1, "ring", 0, 1, 2, 6, 8, 12, 13, 14);
    const { objects } = polygonsDocument(PICTURE, [ring]) as { objects: { outer: number[][][]; holes: number[][][] }[] };
    expect(objects[0].outer).toEqual([[[3, 0], [3, 3], [0, 3], [0, 0]]]);
    expect(objects[0].holes).toHaveLength(1);
  });

  it("as label image numbers the objects; later ones lie on top", async () => {
    const { width, height, data } = await decodePng16(await labelImage(PICTURE, OBJECTS));
    expect([width, height]).toEqual([6, 4]);
    expect([...data.subarray(0, 15)]).toEqual([1, 1, 0, 0, 0, 0, 1, 3, 0, 2, 0, 0, 0, 3, 0]);
  });

  it("as masks is an archive that Python opens, with a PNG file an object", async () => {
    const files = unpack(await masksArchive("cells", OBJECTS));
    expect(Object.keys(files).sort()).toEqual(["cells_001_cell.png", "cells_002_débris-2.png", "cells_003_cell.png"]);
    for (const bytes of Object.values(files)) expect([...bytes.subarray(1, 4)]).toEqual([80, 78, 71]);
  });

  it("can be an archive without files, or with empty ones", () => {
    expect(zip([])).toHaveLength(22);
    expect(unpack(zip([{ name: "empty", bytes: new Uint8Array() }]))).toEqual({ empty: Buffer.alloc(0) });
  });

  it("has names that every file system takes", () => {
    expect(fileWord(" ../..//etc/passwd ")).toBe("etc-passwd");
    expect(fileWord("Zelle Ä 7")).toBe("zelle-ä-7");
    expect(fileWord("///")).toBe("object");
  });
});
