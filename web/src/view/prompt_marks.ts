import type { Box } from "../state/scene";
import type { Position } from "./viewport";

const POSITIVE = "#12b76a";
const NEGATIVE = "#f04438";
const RADIUS = 7;

/** A plus or a minus in a disc, so that colour alone does not tell them apart. */
export function drawPoint(context: CanvasRenderingContext2D, at: Position, label: 0 | 1): void {
  context.beginPath();
  context.arc(at.x, at.y, RADIUS, 0, 2 * Math.PI);
  context.fillStyle = label ? POSITIVE : NEGATIVE;
  context.shadowColor = "rgb(0 0 0 / 45%)";
  context.shadowBlur = 6;
  context.fill();
  context.shadowBlur = 0;
  context.strokeStyle = "#ffffff";
  context.lineWidth = 2;
  context.stroke();
  context.beginPath();
  context.moveTo(at.x - 3, at.y);
  context.lineTo(at.x + 3, at.y);
  if (label) {
    context.moveTo(at.x, at.y - 3);
    context.lineTo(at.x, at.y + 3);
  }
  context.lineWidth = 1.75;
  context.stroke();
}

export function drawBox(context: CanvasRenderingContext2D, box: Box): void {
  const [width, height] = [box.x1 - box.x0, box.y1 - box.y0];
  context.lineWidth = 3;
  context.strokeStyle = "rgb(0 0 0 / 40%)";
  context.strokeRect(box.x0, box.y0, width, height);
  context.lineWidth = 1.5;
  context.strokeStyle = "#ffffff";
  context.setLineDash([6, 4]);
  context.strokeRect(box.x0, box.y0, width, height);
  context.setLineDash([]);
}

export function drawCrosshair(context: CanvasRenderingContext2D, at: Position): void {
  for (const [colour, width] of [["rgb(0 0 0 / 60%)", 3], ["#ffffff", 1.5]] as const) {
    context.beginPath();
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      context.moveTo(at.x + dx * 5, at.y + dy * 5);
      context.lineTo(at.x + dx * 16, at.y + dy * 16);
    }
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.stroke();
  }
}
