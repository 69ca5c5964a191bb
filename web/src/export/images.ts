import { decode, forEachRun } from "../masks/rle";
import { encodeGreyPng } from "../pictures/png";
import type { Picture } from "../pictures/picture";
import { chosenMask, type SceneObject } from "../state/scene";
import { maskPath } from "../view/mask_paths";
import { zip, type ZipEntry } from "./zip";

/** Every mask as a black and white PNG file, in one archive. */
export async function masksArchive(stem: string, objects: readonly SceneObject[]): Promise<Uint8Array> {
  const entries: ZipEntry[] = [];
  for (const [i, object] of objects.entries()) {
    const { width, height, bits } = decode(chosenMask(object).rle);
    const white = bits.map((bit) => bit * 255);
    entries.push({
      name: `${stem}_${String(i + 1).padStart(3, "0")}_${fileWord(object.name)}.png`,
      bytes: await encodeGreyPng(width, height, white),
    });
  }
  return zip(entries);
}

/** One 16-bit picture of all objects: 0 is nothing, 1 the first; later objects lie on top. */
export function labelImage(picture: Picture, objects: readonly SceneObject[]): Promise<Uint8Array> {
  const labels = new Uint16Array(picture.width * picture.height);
  objects.forEach((object, i) => {
    forEachRun(chosenMask(object).rle, (x, y, length) => {
      for (let row = y; row < y + length; ++row) labels[row * picture.width + x] = i + 1;
    });
  });
  return encodeGreyPng(picture.width, picture.height, labels);
}

/** The picture as it is shown, with all masks over it. */
export function overlayImage(picture: Picture, objects: readonly SceneObject[]): Promise<Blob> {
  return paint(picture, (context) => {
    context.drawImage(picture.image, 0, 0);
    for (const object of objects) {
      const path = maskPath(chosenMask(object).rle);
      context.fillStyle = context.strokeStyle = object.colour;
      context.lineWidth = Math.max(1.5, picture.width / 700);
      context.globalAlpha = 0.4;
      context.fill(path, "evenodd");
      context.globalAlpha = 1;
      context.stroke(path);
    }
  });
}

/** The picture where a mask is, nothing elsewhere. */
export function cutOutImage(picture: Picture, objects: readonly SceneObject[]): Promise<Blob> {
  return paint(picture, (context) => {
    for (const object of objects) context.fill(maskPath(chosenMask(object).rle), "evenodd");
    context.globalCompositeOperation = "source-in";
    context.drawImage(picture.image, 0, 0);
  });
}

function paint(picture: Picture, draw: (context: CanvasRenderingContext2D) => void): Promise<Blob> {
  const canvas = document.createElement("canvas");
  canvas.width = picture.width;
  canvas.height = picture.height;
  draw(canvas.getContext("2d")!);
  return new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the picture is too large to be drawn")))),
  );
}

/** A name as a part of a file name. */
export function fileWord(name: string): string {
  return name.trim().toLowerCase().replace(/[^\p{Letter}\p{Number}]+/gu, "-").replace(/^-|-$/g, "") || "object";
}
