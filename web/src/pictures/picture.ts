import { decodePng16, isPng, isPng16, type Samples16 } from "./png";
import { applyWindow, automaticWindow, histogram, type Window } from "./window";

/** A picture as the page shows it. The server gets `bytes`, never what the window makes of them. */
export interface Picture {
  readonly name: string;
  readonly type: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly width: number;
  readonly height: number;
  readonly deep: DeepPicture | null;
  image: CanvasImageSource;
}

/** A picture of 16 bits a sample. */
export interface DeepPicture {
  readonly samples: Samples16;
  readonly counts: Uint32Array;
  window: Window;
}

/** What a person can do something about; everything else is a bug. */
export class PictureError extends Error {}

export async function openPicture(file: Blob, name: string): Promise<Picture> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  const type = sniff(bytes);
  if (!type) throw new PictureError(`${name} is not a JPEG, PNG or WebP picture.`);
  return isPng16(bytes) ? openDeep(bytes, name) : openPlain(bytes, type, name);
}

function sniff(bytes: Uint8Array): string | null {
  const text = (from: number, to: number): string => String.fromCharCode(...bytes.subarray(from, to));
  if (isPng(bytes)) return "image/png";
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return "image/jpeg";
  if (text(0, 4) === "RIFF" && text(8, 12) === "WEBP") return "image/webp";
  return null;
}

async function openPlain(bytes: Uint8Array<ArrayBuffer>, type: string, name: string): Promise<Picture> {
  const image = await createImageBitmap(new Blob([bytes], { type })).catch(() => {
    throw new PictureError(`${name} is damaged: the browser cannot show it.`);
  });
  return { name, type, bytes, width: image.width, height: image.height, deep: null, image };
}

async function openDeep(bytes: Uint8Array<ArrayBuffer>, name: string): Promise<Picture> {
  const samples = await decodePng16(bytes).catch((error: Error) => {
    throw new PictureError(`${name} is damaged. ${error.message}.`);
  });
  const counts = histogram(samples);
  const window = automaticWindow(counts);
  const deep = { samples, counts, window };
  const { width, height } = samples;
  return { name, type: "image/png", bytes, width, height, deep, image: render(deep) };
}

/** Shows a 16-bit picture through another window. */
export function setWindow(picture: Picture, window: Window): void {
  if (!picture.deep) return;
  picture.deep.window = window;
  picture.image = render(picture.deep);
}

function render({ samples, window }: DeepPicture): CanvasImageSource {
  const canvas = document.createElement("canvas");
  canvas.width = samples.width;
  canvas.height = samples.height;
  const pixels = new ImageData(applyWindow(samples, window), samples.width, samples.height);
  canvas.getContext("2d")!.putImageData(pixels, 0, 0);
  return canvas;
}
