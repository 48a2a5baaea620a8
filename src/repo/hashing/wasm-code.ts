/**
 * The few instructions of WebAssembly that lane-hash.ts is written in, by name. What is here gives their bytes; the
 * numbers are those of the WebAssembly specification, "Index of Instructions".
 */

/** The little of WebAssembly that is needed here: the types of Node leave it to those of browsers. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Memory: new (pages: { initial: number; maximum: number }) => { buffer: ArrayBuffer };
  Instance: new (module: object, imports: object) => { exports: Record<string, unknown> };
};

export type Code = readonly number[];

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

export const get = (local: number): Code => [0x20, local];
export const set = (local: number): Code => [0x21, local];

type Instructions<WithOperand extends string, Plain extends string> = Record<WithOperand, (operand: number) => Code> &
  Record<Plain, Code>;

/** Numbers of 32 bits. Shifts take how far from the stack. */
export const i32: Instructions<
  "constant" | "load",
  "add" | "subtract" | "shiftLeft" | "shiftRight" | "isLess" | "isEqual" | "choose"
> = {
  constant: (value) => [0x41, ...signed(value)],
  load: (offset) => [0x28, 2, ...unsigned(offset)],
  add: [0x6a],
  subtract: [0x6b],
  shiftLeft: [0x74],
  shiftRight: [0x76],
  isLess: [0x48],
  isEqual: [0x46],
  /** The first of two values if the number above them is not 0, else the second. */
  choose: [0x1b],
};

/** Vectors of 128 bits: four words, or sixteen bytes. */
export const v128: Instructions<
  "load" | "store" | "loadSplat",
  | "splatBytes"
  | "splat"
  | "bytesEqual"
  | "bytesLess"
  | "and"
  | "or"
  | "xor"
  | "select"
  | "shiftLeft"
  | "shiftRight"
  | "add"
  | "multiply"
> &
  Record<"constant" | "shuffle", (bytes: readonly number[]) => Code> = {
  load: (offset) => vector(0x00, 0, ...unsigned(offset)),
  store: (offset) => vector(0x0b, 0, ...unsigned(offset)),
  /** A word in memory, four times. */
  loadSplat: (offset) => vector(0x09, 0, ...unsigned(offset)),
  constant: (bytes) => vector(0x0c, ...bytes),
  /** Bytes of two vectors, by their places among all 32. */
  shuffle: (places) => vector(0x0d, ...places),
  splatBytes: vector(0x0f),
  splat: vector(0x11),
  bytesEqual: vector(0x23),
  bytesLess: vector(0x25),
  and: vector(0x4e),
  or: vector(0x50),
  xor: vector(0x51),
  /** Of three values: bits of the first where the third has ones, of the second elsewhere. */
  select: vector(0x52),
  shiftLeft: vector(0xab),
  shiftRight: vector(0xad),
  add: vector(0xae),
  multiply: vector(0xb5),
};

/** `body` as long as `condition` is not 0 behind it; at least once. */
export function loop(body: Code, condition: Code): Code {
  return [0x03, 0x40, ...body, ...condition, 0x0d, 0, 0x0b];
}

/** `body` if `condition` is not 0. */
export function when(condition: Code, body: Code): Code {
  return [...condition, 0x04, 0x40, ...body, 0x0b];
}

/** What every module starts with: its name, and version 1. */
const magic: Code = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

function section(id: number, content: Code): Code {
  return [id, ...unsigned(content.length), ...content];
}

/** A function of two numbers, without a result, that works on a memory that it is given. */
export interface CompiledCode {
  /** @param pages the size of the memory, in 64 KiB */
  instantiate(pages: number): { run: (first: number, second: number) => void; memory: ArrayBuffer };
}

/**
 * Compiles the body of a function.
 *
 * @param numbers how many more locals it has that are numbers; behind them come `vectors` that are vectors
 * @throws whatever the engine throws if it does not know vectors, or WebAssembly
 */
export function compile(code: Code, numbers: number, vectors: number): CompiledCode {
  const body = [2, numbers, 0x7f, vectors, 0x7b, ...code, 0x0b];
  const bytes = Uint8Array.from([
    ...magic,
    // The type of the function; the memory, imported as "e" "m"; the function, exported as "f"; its code.
    ...section(1, [1, 0x60, 2, 0x7f, 0x7f, 0]),
    ...section(2, [1, 1, 0x65, 1, 0x6d, 2, 0, 1]),
    ...section(3, [1, 0]),
    ...section(7, [1, 1, 0x66, 0, 0]),
    ...section(10, [1, ...unsigned(body.length), ...body]),
  ]);
  const module = new WebAssembly.Module(bytes);
  return {
    instantiate: (pages) => {
      const m = new WebAssembly.Memory({ initial: pages, maximum: pages });
      const { exports } = new WebAssembly.Instance(module, { e: { m } });
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the module is the one above
      return { run: exports["f"] as (first: number, second: number) => void, memory: m.buffer };
    },
  };
}
