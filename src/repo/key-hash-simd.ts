/**
 * The first 32 bits of the SHA-256 of four short keys at once: the same computation as in key-hash.ts, on vectors of
 * four lanes. JavaScript has no such numbers, WebAssembly has; the module is so regular that it is written out here,
 * instruction by instruction, instead of being kept as a file that nobody can read.
 */
import { sha256Constants, sha256FirstState } from "./key-hash.ts";

/** The little of WebAssembly that is needed here: the types of Node leave it to those of browsers. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { exports: Record<string, unknown> };
};

/** Bytes of the messages of four keys: 16 words, each for all lanes. */
export const groupBytes = 256;
/** Where the results stand in a group: instead of word 14, which is 0 in the message of a short key. */
export const resultWord = 14;

type Code = readonly number[];

function unsigned(value: number): Code {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

function signed(value: number): Code {
  const rest = value >> 7;
  const isLast = (rest === 0 && (value & 0x40) === 0) || (rest === -1 && (value & 0x40) !== 0);
  return isLast ? [value & 0x7f] : [(value & 0x7f) | 0x80, ...signed(rest)];
}

function vector(operation: number, ...operands: number[]): Code {
  return [0xfd, ...unsigned(operation), ...operands];
}

const get = (local: number): Code => [0x20, local];
const set = (local: number): Code => [0x21, local];
const constant = (value: number): Code => [0x41, ...signed(value)];
const splat = vector(0x11);
const or = vector(0x50);
const xor = vector(0x51);
/** Of three values: bits of the first where the third has ones, of the second elsewhere. */
const select = vector(0x52);
const shiftLeft = vector(0xab);
const shiftRight = vector(0xad);
const add = vector(0xae);

function load(offset: number): Code {
  return vector(0x00, 4, ...unsigned(offset));
}

function store(offset: number): Code {
  return vector(0x0b, 4, ...unsigned(offset));
}

function loadSplat(offset: number): Code {
  return vector(0x09, 2, ...unsigned(offset));
}

function rotated(local: number, by: number): Code {
  const right = [...get(local), ...constant(by), ...shiftRight];
  return [...right, ...get(local), ...constant(32 - by), ...shiftLeft, ...or];
}

/** The xor of three rotations; the third is a shift if `shifted`. */
function mixed(local: number, [x, y, z]: readonly [number, number, number], shifted: boolean): Code {
  const third = shifted ? [...get(local), ...constant(z), ...shiftRight] : rotated(local, z);
  return [...rotated(local, x), ...rotated(local, y), ...xor, ...third, ...xor];
}

/** Locals: 0 the end of the groups (the argument), 1 the group, 2 and 3 places in memory, 4–11 the state, 12 a sum. */
const end = 0;
const group = 1;
const place = 2;
const wordPlace = 3;
const state = 4;
const sum = 12;

/** Memory: the constants, the message schedule of the group, and from `groupsAt` on the groups. */
const scheduleAt = 256;
const groupsAt = 2048;

/** `body`, then on with `local` by `step` and again while it is below what `limit` leaves on the stack. */
function loop(local: number, step: number, limit: Code, body: Code): Code {
  const next = [...get(local), ...constant(step), 0x6a, 0x22, local, ...limit, 0x48, 0x0d, 0x00];
  return [0x03, 0x40, ...body, ...next, 0x0b];
}

/** w[i] = w[i − 16] + σ0(w[i − 15]) + w[i − 7] + σ1(w[i − 2]), from the place of w[i − 16]. */
function scheduleStep(): Code {
  const word = (ahead: number): Code => [...get(place), ...load(scheduleAt + ahead * 16)];
  const code = [...get(place), ...word(0), ...word(9), ...add];
  code.push(...word(1), ...set(sum), ...mixed(sum, [7, 18, 3], true), ...add);
  code.push(...word(14), ...set(sum), ...mixed(sum, [17, 19, 10], true), ...add);
  return [...code, ...store(scheduleAt + 16 * 16)];
}

/** Eight rounds, after which each of the eight letters has its own local again: the names move on, not the values. */
function eightRounds(): Code {
  const code: number[] = [...get(place), ...constant(2), 0x74, ...set(wordPlace)];
  for (let i = 0; i < 8; i++) {
    const letter = (index: number): number => state + ((index - i) & 7);
    const a = letter(0);
    const b = letter(1);
    const c = letter(2);
    const d = letter(3);
    const e = letter(4);
    const f = letter(5);
    const g = letter(6);
    const h = letter(7);
    code.push(...get(h), ...get(wordPlace), ...load(scheduleAt + i * 16), ...add);
    code.push(...get(place), ...loadSplat(i * 4), ...add);
    code.push(...mixed(e, [6, 11, 25], false), ...add, ...get(f), ...get(g), ...get(e), ...select, ...add, ...set(sum));
    code.push(...get(d), ...get(sum), ...add, ...set(d));
    code.push(...get(sum), ...mixed(a, [2, 13, 22], false), ...add);
    code.push(...get(c), ...get(b), ...get(a), ...get(b), ...xor, ...select, ...add, ...set(h));
  }
  return code;
}

function compression(): Code {
  const code: number[] = [];
  for (let i = 0; i < 16; i++) {
    code.push(...constant(0), ...get(group), ...load(i * 16), ...store(scheduleAt + i * 16));
  }
  code.push(...constant(0), ...set(place), ...loop(place, 16, constant(48 * 16), scheduleStep()));
  for (const [i, word] of sha256FirstState.entries()) {
    code.push(...constant(word), ...splat, ...set(state + i));
  }
  code.push(...constant(0), ...set(place), ...loop(place, 32, constant(256), eightRounds()));
  code.push(
    ...get(group),
    ...get(state),
    ...constant(sha256FirstState[0]!),
    ...splat,
    ...add,
    ...store(resultWord * 16),
  );
  return code;
}

function section(id: number, content: Code): Code {
  return [id, ...unsigned(content.length), ...content];
}

function moduleBytes(pages: number): Uint8Array<ArrayBuffer> {
  const locals = [2, 3, 0x7f, 9, 0x7b];
  const body = [
    ...locals,
    ...constant(groupsAt),
    ...set(group),
    ...loop(group, groupBytes, get(end), compression()),
    0x0b,
  ];
  return Uint8Array.from([
    0x00,
    0x61,
    0x73,
    0x6d,
    1,
    0,
    0,
    0,
    ...section(1, [1, 0x60, 1, 0x7f, 0]),
    ...section(3, [1, 0]),
    ...section(5, [1, 0, pages]),
    ...section(7, [2, 1, 0x66, 0, 0, 1, 0x6d, 2, 0]),
    ...section(10, [1, ...unsigned(body.length), ...body]),
  ]);
}

export interface KeyHasher {
  /** The messages, group by group. */
  words: Int32Array;
  /** Hashes the first so many groups, at least one. */
  run: (groups: number) => void;
}

/** Makes a hasher for so many groups, or nothing where there is no WebAssembly with vectors. */
export function makeKeyHasher(groups: number): KeyHasher | undefined {
  try {
    const bytes = moduleBytes(Math.ceil((groupsAt + groups * groupBytes) / 65_536));
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the module is the one above
    const { f, m } = exports as { f: (endByte: number) => void; m: { buffer: ArrayBuffer } };
    new Int32Array(m.buffer).set(sha256Constants);
    const words = new Int32Array(m.buffer, groupsAt);
    return { words, run: (count) => f(groupsAt + count * groupBytes) };
  } catch {
    return undefined;
  }
}
