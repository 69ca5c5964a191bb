import { crc32 } from "../pictures/crc32";
import { joinBytes } from "../pictures/png";

export interface ZipEntry {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const UTF8_NAMES = 0x0800;
const FIRST_DAY = 0x21;  // 1 January 1980: the same files give the same archive

/** A ZIP archive whose entries are stored as they are: PNG files do not shrink. */
export function zip(entries: readonly ZipEntry[]): Uint8Array {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const { name, bytes } of entries) {
    const nameBytes = new TextEncoder().encode(name);
    const common = commonFields(nameBytes.length, bytes);
    const local = joinBytes([little(4, 0x04034b50), common, nameBytes]);
    directory.push(centralEntry(common, nameBytes, offset));
    parts.push(local, bytes);
    offset += local.length + bytes.length;
  }
  const central = joinBytes(directory);
  return joinBytes([...parts, central, endOfDirectory(entries.length, central.length, offset)]);
}

function commonFields(nameLength: number, bytes: Uint8Array): Uint8Array {
  return joinBytes([
    little(2, 20), little(2, UTF8_NAMES), little(2, 0), little(2, 0), little(2, FIRST_DAY),
    little(4, crc32(bytes)), little(4, bytes.length), little(4, bytes.length),
    little(2, nameLength), little(2, 0),
  ]);
}

function centralEntry(common: Uint8Array, name: Uint8Array, offset: number): Uint8Array {
  return joinBytes([
    little(4, 0x02014b50), little(2, 20), common,
    little(2, 0), little(2, 0), little(2, 0), little(4, 0), little(4, offset), name,
  ]);
}

function endOfDirectory(entries: number, size: number, offset: number): Uint8Array {
  return joinBytes([
    little(4, 0x06054b50), little(2, 0), little(2, 0), little(2, entries), little(2, entries),
    little(4, size), little(4, offset), little(2, 0),
  ]);
}

function little(length: number, value: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => Math.floor(value / 256 ** i) & 255);
}
