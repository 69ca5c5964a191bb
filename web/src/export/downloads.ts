import type { Picture } from "../pictures/picture";
import type { SceneObject } from "../state/scene";
import { cocoDocument, polygonsDocument } from "./documents";
import { cutOutImage, labelImage, masksArchive, overlayImage } from "./images";

export type DownloadKind = "masks" | "labels" | "overlay" | "cutout" | "coco" | "polygons";

interface Download {
  readonly ending: string;
  make(picture: Picture, objects: readonly SceneObject[], stem: string): Promise<Blob>;
}

const DOWNLOADS: Readonly<Record<DownloadKind, Download>> = {
  masks: { ending: "_masks.zip", make: async (_, objects, stem) => blob(await masksArchive(stem, objects), "application/zip") },
  labels: { ending: "_labels.png", make: async (picture, objects) => blob(await labelImage(picture, objects), "image/png") },
  overlay: { ending: "_overlay.png", make: overlayImage },
  cutout: { ending: "_cutout.png", make: cutOutImage },
  coco: { ending: "_coco.json", make: async (picture, objects) => json(cocoDocument(picture, objects)) },
  polygons: { ending: "_polygons.json", make: async (picture, objects) => json(polygonsDocument(picture, objects)) },
};

/** Hands the visible objects to the browser as a file. */
export async function download(kind: DownloadKind, picture: Picture, objects: readonly SceneObject[]): Promise<string> {
  const stem = picture.name.replace(/\.[^.]*$/, "") || "picture";
  const { ending, make } = DOWNLOADS[kind];
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await make(picture, objects, stem));
  link.download = stem + ending;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  return link.download;
}

function blob(bytes: Uint8Array, type: string): Blob {
  return new Blob([bytes as Uint8Array<ArrayBuffer>], { type });
}

function json(document: object): Blob {
  return new Blob([JSON.stringify(document, null, 1)], { type: "application/json" });
}
