import { outlinesOf, signedArea2, simplify, type Ring } from "../masks/outlines";
import { area, extent, rleToJson, type Size } from "../masks/rle";
import { chosenMask, type SceneObject } from "../state/scene";

export interface NamedPicture extends Size {
  readonly name: string;
}

/** A COCO data set of one picture: every object name is a category, masks are compressed run lengths. */
export function cocoDocument(picture: NamedPicture, objects: readonly SceneObject[]): object {
  const names = [...new Set(objects.map((object) => object.name))];
  return {
    info: { description: `Masks of ${picture.name}, made with Facet` },
    images: [{ id: 1, file_name: picture.name, width: picture.width, height: picture.height }],
    categories: names.map((name, i) => ({ id: i + 1, name })),
    annotations: objects.map((object, i) => annotation(object, i + 1, names.indexOf(object.name) + 1)),
  };
}

function annotation(object: SceneObject, id: number, categoryId: number): object {
  const { rle, score } = chosenMask(object);
  const { x, y, width, height } = extent(rle);
  return {
    id,
    image_id: 1,
    category_id: categoryId,
    iscrowd: 0,
    area: area(rle),
    bbox: [x, y, width, height],
    segmentation: rleToJson(rle),
    score: rounded(score),
  };
}

const TOLERANCE_PX = 0.75;

/** Rings of [x, y] in image pixels; a polygon is its outer ring and the holes in it. */
export function polygonsDocument(picture: NamedPicture, objects: readonly SceneObject[]): object {
  return {
    image: picture.name,
    width: picture.width,
    height: picture.height,
    tolerance_px: TOLERANCE_PX,
    objects: objects.map((object) => ({
      name: object.name,
      score: rounded(chosenMask(object).score),
      area: area(chosenMask(object).rle),
      ...ringsOf(object),
    })),
  };
}

function ringsOf(object: SceneObject): { outer: number[][][]; holes: number[][][] } {
  const rings = outlinesOf(chosenMask(object).rle);
  const points = (ring: Ring): number[][] => {
    const kept = simplify(ring, TOLERANCE_PX);
    return Array.from({ length: kept.length / 2 }, (_, i) => [kept[2 * i], kept[2 * i + 1]]);
  };
  return {
    outer: rings.filter((ring) => signedArea2(ring) > 0).map(points),
    holes: rings.filter((ring) => signedArea2(ring) < 0).map(points),
  };
}

function rounded(score: number): number {
  return Math.round(score * 1e4) / 1e4;
}
