// Neighbours in the list are far apart in hue, and all stay readable over dark and light pictures.
const COLOURS = [
  "#2f8dff", "#ff9f1c", "#16c79a", "#f25f8b", "#a673ff", "#c5d300", "#00bcd9", "#ff6b45",
  "#5fcf4f", "#d765e0", "#ffd23f", "#5b7cfa", "#e5484d", "#35d0ba", "#c48a4a", "#8fb8ff",
];

export function colourFor(index: number): string {
  return COLOURS[index % COLOURS.length];
}

export function rgbOf(colour: string): [number, number, number] {
  const value = parseInt(colour.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}
