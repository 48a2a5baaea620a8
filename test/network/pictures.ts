/** Small pictures that any viewer opens, made from nothing: mosaics of coloured squares. */
import { crc32, deflateSync } from "node:zlib";
import { integer, type Random } from "./random.ts";

export interface Picture {
  bytes: Uint8Array<ArrayBuffer>;
  mimeType: "image/png" | "image/jpeg";
  /** pixels */
  width: number;
  height: number;
}

/** A blob ref as the server answers it. */
export interface BlobRef {
  $type: "blob";
  ref: { $link: string };
  mimeType: string;
  size: number;
}

export interface UploadedPicture extends Picture {
  blob: BlobRef;
}

const TILE = 8;

/** Colours of `columns` × `rows` tiles, three bytes each. */
function mosaic(random: Random, columns: number, rows: number): Uint8Array {
  const base = [integer(random, 0, 255), integer(random, 0, 255), integer(random, 0, 255)];
  return Uint8Array.from({ length: columns * rows * 3 }, (_, i) => (base[i % 3]! + integer(random, 0, 90)) % 256);
}

/** A PNG of random tiles, 8 bits a channel, RGB. */
export function png(random: Random): Picture {
  const columns = integer(random, 12, 40);
  const rows = integer(random, 12, 40);
  const tiles = mosaic(random, columns, rows);
  const width = columns * TILE;
  const height = rows * TILE;
  const raw = Buffer.alloc(height * (1 + width * 3)); // every line starts with filter type 0
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const tile = (Math.floor(y / TILE) * columns + Math.floor(x / TILE)) * 3;
      raw.set(tiles.subarray(tile, tile + 3), y * (1 + width * 3) + 1 + x * 3);
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const bytes = Buffer.concat([
    signature,
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(raw, { level: 1 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
  return { bytes: new Uint8Array(bytes), mimeType: "image/png", width, height };
}

function chunk(type: string, data: Buffer): Buffer {
  const out = Buffer.alloc(12 + data.length);
  out.writeUInt32BE(data.length, 0);
  out.write(type, 4, "latin1");
  out.set(data, 8);
  out.writeUInt32BE(crc32(out.subarray(4, 8 + data.length)), 8 + data.length);
  return out;
}

/**
 * A baseline JPEG of random tiles, YCbCr. Every 8 × 8 block has one colour, so it is its DC coefficient and an end of
 * block: two tiny Huffman tables will do.
 */
export function jpeg(random: Random): Picture {
  const columns = integer(random, 12, 40);
  const rows = integer(random, 12, 40);
  const tiles = mosaic(random, columns, rows);
  const width = columns * TILE;
  const height = rows * TILE;
  const dcSymbols = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]; // twelve codes of four bits
  const out = [
    [0xff, 0xd8],
    segment(0xe0, [0x4a, 0x46, 0x49, 0x46, 0, 1, 1, 0, 0, 1, 0, 1, 0, 0]),
    segment(0xdb, [0, ...Array.from({ length: 64 }, () => 8)]), // a flat block's DC is eight times its value
    segment(0xc0, [8, ...size(height), ...size(width), 3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0]),
    segment(0xc4, [0x00, 0, 0, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ...dcSymbols]),
    segment(0xc4, [0x10, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x00]), // end of block: one bit, 0
    segment(0xda, [3, 1, 0x00, 2, 0x00, 3, 0x00, 0, 63, 0]),
    entropyCoded(tiles),
    [0xff, 0xd9],
  ];
  return { bytes: Uint8Array.from(out.flat()), mimeType: "image/jpeg", width, height };
}

/** Two bytes, the higher first. */
function size(n: number): number[] {
  return [n >> 8, n & 0xff];
}

function segment(marker: number, data: number[]): number[] {
  return [0xff, marker, ...size(data.length + 2), ...data];
}

function entropyCoded(tiles: Uint8Array): number[] {
  const out: number[] = [];
  let buffer = 0;
  let held = 0;
  const put = (value: number, bits: number): void => {
    for (let i = bits - 1; i >= 0; i -= 1) {
      buffer = (buffer << 1) | ((value >> i) & 1);
      held += 1;
      if (held === 8) {
        out.push(buffer);
        if (buffer === 0xff) {
          out.push(0); // byte stuffing
        }
        buffer = 0;
        held = 0;
      }
    }
  };
  const before = [0, 0, 0];
  tiles.forEach((value, i) => {
    const difference = value - 128 - before[i % 3]!;
    before[i % 3] = value - 128;
    const category = 32 - Math.clz32(Math.abs(difference));
    put(category, 4);
    put(difference < 0 ? difference + 2 ** category - 1 : difference, category);
    put(0, 1);
  });
  put(0x7f, (8 - held) % 8); // the last byte is filled with ones
  return out;
}
