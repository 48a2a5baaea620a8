/**
 * SHA-256 of four short messages at once, on vectors of four lanes: one call for many messages is cheaper than a call
 * into the crypto library for each. JavaScript has no such vectors, WebAssembly has; the computation is so regular that
 * it is written out here, instruction by instruction, instead of being kept as a file that nobody can read.
 *
 * Messages lie where they are, in the memory of the hasher. A job names four of them that take as many SHA-256 blocks.
 */
import { compile, get, i32, loop, set, v128, when, type Code, type CompiledCode } from "./wasm-code.ts";

/** The round constants of SHA-256. */
const roundConstants: Int32Array = new Int32Array([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98,
  0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
  0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8,
  0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
  0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819,
  0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
  0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
  0xc67178f2,
]);

/** The state that SHA-256 starts from. */
const firstState: Int32Array = new Int32Array([
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
]);

/** Words of a job. From its start on, each with a word for each lane: */
export const jobWords = 20;
/** where the message starts in `LaneHasher.bytes`, plus `dataOffset`; behind it, */
export const jobLength = 4;
/** the bytes of the message; afterwards */
export const jobDifference = 8;
/** 0 if the hash is what stands in the 32 bytes before the message, and */
export const jobFirstWord = 12;
/** the first word of the hash, and */
export const jobProduct = 16;
// the sum of the products of the words of what stands before the message with the multipliers.

/** How many SHA-256 blocks a message takes. */
export function sha256Blocks(length: number): number {
  return (length + 72) >> 6;
}

/** Memory: constants, message schedule, state between blocks, multipliers; then the jobs, then the messages. */
const scheduleAt = 256;
const stateAt = scheduleAt + 64 * 16;
const multipliersAt = stateAt + 8 * 16;
const jobsAt = 2048;
const jobBytes = jobWords * 4;

// Locals: the two arguments, numbers, then vectors.
const job = 0;
const end = 1;
const left = 2;
const place = 3;
const wordPlace = 4;
/** Of each lane: where the message goes on, and how many bytes of it there are still. */
const cursor = 5;
const rest = 9;
const firstVector = 13;
const state = firstVector;
const sum = state + 8;
/** The letters a and b are exclusive-or-ed in one round, b and c in the next: it is the same value. */
const both = sum + 1;
const vectors = 10;
// While a block is loaded, the state waits in memory.
const row = state;
const rests = state + 4;

const lanes = [0, 1, 2, 3] as const;
const bytes16 = Array.from({ length: 16 }, (_, i) => i);

function rotated(local: number, by: number): Code {
  const right = [...get(local), ...i32.constant(by), ...v128.shiftRight];
  return [...right, ...get(local), ...i32.constant(32 - by), ...v128.shiftLeft, ...v128.or];
}

/** The xor of three rotations; the third is a shift if `shifted`. */
function mixed(local: number, [x, y, z]: readonly [number, number, number], shifted: boolean): Code {
  const third = shifted ? [...get(local), ...i32.constant(z), ...v128.shiftRight] : rotated(local, z);
  return [...rotated(local, x), ...rotated(local, y), ...v128.xor, ...third, ...v128.xor];
}

/** `local` by `step` on. */
function advance(local: number, step: number): Code {
  return [...get(local), ...i32.constant(step), ...i32.add, ...set(local)];
}

/** Four words of each of four vectors, big-endian, become four words of each lane: rows become columns. */
function transposed(store: (column: number) => Code): Code {
  const bigEndian = v128.shuffle(bytes16.map((i) => i ^ 3));
  // Words of the one and the other vector in turn: of the lower halves, and of the upper.
  const low = v128.shuffle([0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23]);
  const high = v128.shuffle([8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31]);
  const lowPairs = v128.shuffle([0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23]);
  const highPairs = v128.shuffle([8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31]);
  const two = (x: number, y: number): Code => [...get(row + x), ...get(row + y)];
  const code: number[] = [];
  for (const lane of lanes) {
    code.push(...two(lane, lane), ...bigEndian, ...set(row + lane));
  }
  // Words 0 and 1 of lanes 0 and 1, and 2 and 3; the same of lanes 2 and 3.
  code.push(...two(0, 1), ...low, ...two(0, 1), ...high, ...set(row + 1), ...set(row));
  code.push(...two(2, 3), ...low, ...two(2, 3), ...high, ...set(row + 3), ...set(row + 2));
  const columns = [
    [...two(0, 2), ...lowPairs],
    [...two(0, 2), ...highPairs],
    [...two(1, 3), ...lowPairs],
    [...two(1, 3), ...highPairs],
  ];
  for (const [column, value] of columns.entries()) {
    code.push(...i32.constant(0), ...value, ...store(column));
  }
  return code;
}

/** The next 64 bytes of each message into the schedule; behind its end come 80 and zeros, as SHA-256 has it. */
function loadBlock(): Code {
  const code: number[] = [];
  for (const lane of lanes) {
    const bytesLeft = get(rest + lane);
    // What is compared below are signed bytes.
    const most = i32.constant(127);
    code.push(...bytesLeft, ...most, ...bytesLeft, ...most, ...i32.isLess, ...i32.choose);
    code.push(...v128.splatBytes, ...set(rests + lane));
  }
  for (let quarter = 0; quarter < 4; quarter++) {
    const places = v128.constant(bytes16.map((i) => quarter * 16 + i));
    for (const lane of lanes) {
      code.push(...get(cursor + lane), ...v128.load(quarter * 16));
      code.push(...places, ...get(rests + lane), ...v128.bytesLess, ...v128.and);
      code.push(...places, ...get(rests + lane), ...v128.bytesEqual);
      code.push(...v128.constant(bytes16.map(() => 0x80)), ...v128.and, ...v128.or, ...set(row + lane));
    }
    code.push(...transposed((column) => v128.store(scheduleAt + (quarter * 4 + column) * 16)));
  }
  // The last word is the length in bits.
  const lengths = [...get(job), ...v128.load(jobLength * 4), ...i32.constant(3), ...v128.shiftLeft];
  const store = [...i32.constant(0), ...lengths, ...v128.store(scheduleAt + 15 * 16)];
  return [...code, ...when([...get(left), ...i32.constant(1), ...i32.isEqual], store)];
}

/** w[i] = w[i − 16] + σ0(w[i − 15]) + w[i − 7] + σ1(w[i − 2]), where w[i − 16] is the word of round `round`. */
function scheduleStep(round: number): Code {
  const word = (ahead: number): Code => [...get(wordPlace), ...v128.load(scheduleAt + (round + ahead) * 16)];
  const code = [...get(wordPlace), ...word(0), ...word(9), ...v128.add];
  code.push(...word(1), ...set(sum), ...mixed(sum, [7, 18, 3], true), ...v128.add);
  code.push(...word(14), ...set(sum), ...mixed(sum, [17, 19, 10], true), ...v128.add);
  return [...code, ...v128.store(scheduleAt + (round + 16) * 16)];
}

/**
 * Eight rounds, after which each of the eight letters has its own local again: the names move on, not the values. With
 * `schedules`, the words of 16 rounds later are made on the way: processors do the one while they wait for the other.
 */
function eightRounds(schedules: boolean): Code {
  const code: number[] = [...get(place), ...i32.constant(2), ...i32.shiftLeft, ...set(wordPlace)];
  for (let i = 0; i < 8; i++) {
    const letter = (index: number): number => state + ((index - i) & 7);
    const a = letter(0);
    const b = letter(1);
    const d = letter(3);
    const e = letter(4);
    const f = letter(5);
    const g = letter(6);
    const h = letter(7);
    code.push(...get(h), ...get(wordPlace), ...v128.load(scheduleAt + i * 16), ...v128.add);
    code.push(...get(place), ...v128.loadSplat(i * 4), ...v128.add);
    code.push(...mixed(e, [6, 11, 25], false), ...v128.add);
    code.push(...get(f), ...get(g), ...get(e), ...v128.select, ...v128.add, ...set(sum));
    code.push(...get(d), ...get(sum), ...v128.add, ...set(d));
    // The majority of a, b and c is b, changed where a differs from b and b from c.
    code.push(...get(b), ...get(both), ...get(a), ...get(b), ...v128.xor, 0x22, both, ...v128.and, ...v128.xor);
    code.push(...get(sum), ...v128.add, ...mixed(a, [2, 13, 22], false), ...v128.add, ...set(h));
    code.push(...(schedules ? scheduleStep(i) : []));
  }
  return [...code, ...advance(place, 32)];
}

function saved(letter: number): Code {
  return [...i32.constant(0), ...v128.load(stateAt + letter * 16)];
}

function block(): Code {
  const code = [...loadBlock()];
  for (let i = 0; i < 8; i++) {
    code.push(...saved(i), ...set(state + i));
  }
  code.push(...get(state + 1), ...get(state + 2), ...v128.xor, ...set(both));
  code.push(...i32.constant(0), ...set(place));
  code.push(...loop(eightRounds(true), [...get(place), ...i32.constant(48 * 4), ...i32.isLess]));
  code.push(...loop(eightRounds(false), [...get(place), ...i32.constant(64 * 4), ...i32.isLess]));
  for (let i = 0; i < 8; i++) {
    code.push(...i32.constant(0), ...saved(i), ...get(state + i), ...v128.add, ...v128.store(stateAt + i * 16));
  }
  for (const lane of lanes) {
    code.push(...advance(cursor + lane, 64), ...advance(rest + lane, -64));
  }
  return [...code, ...advance(left, -1)];
}

/** Hashes the messages of one job, and goes on to the next. */
function oneJob(): Code {
  const code: number[] = [];
  for (const lane of lanes) {
    code.push(...get(job), ...i32.load(lane * 4), ...set(cursor + lane));
    code.push(...get(job), ...i32.load((jobLength + lane) * 4), ...set(rest + lane));
  }
  code.push(...get(rest), ...i32.constant(72), ...i32.add, ...i32.constant(6), ...i32.shiftRight, ...set(left));
  for (const [i, word] of firstState.entries()) {
    code.push(...i32.constant(0), ...i32.constant(word), ...v128.splat, ...v128.store(stateAt + i * 16));
  }
  code.push(...loop(block(), get(left)));
  code.push(...get(job), ...saved(0), ...v128.store(jobFirstWord * 4));
  // The digests that are wanted take the way of a message, to be compared word by word.
  for (const lane of lanes) {
    code.push(...get(job), ...i32.load(lane * 4), ...i32.constant(32), ...i32.subtract, ...set(cursor + lane));
  }
  for (let half = 0; half < 2; half++) {
    for (const lane of lanes) {
      code.push(...get(cursor + lane), ...v128.load(half * 16), ...set(row + lane));
    }
    code.push(...transposed((column) => v128.store(scheduleAt + (half * 4 + column) * 16)));
  }
  code.push(...get(job));
  for (let i = 0; i < 8; i++) {
    code.push(...i32.constant(0), ...v128.load(scheduleAt + i * 16), ...saved(i), ...v128.xor);
    code.push(...(i === 0 ? [] : v128.or));
  }
  code.push(...v128.store(jobDifference * 4), ...get(job));
  for (let i = 0; i < 8; i++) {
    code.push(...i32.constant(0), ...v128.load(scheduleAt + i * 16));
    code.push(...i32.constant(0), ...v128.loadSplat(multipliersAt + i * 4), ...v128.multiply);
    code.push(...(i === 0 ? [] : v128.add));
  }
  return [...code, ...v128.store(jobProduct * 4), ...advance(job, jobBytes)];
}

export interface LaneHasher {
  /** Memory for the messages. */
  bytes: Buffer;
  /** Where it starts in what jobs count in. */
  dataOffset: number;
  /** The jobs, each of `jobWords`. */
  jobs: Int32Array;
  /** Does the first so many jobs, at least one. Lanes that are not needed have to name some message, too. */
  run: (count: number) => void;
}

/** Compiled once, when it is first needed. */
let compiled: CompiledCode | undefined;

function compileOnce(): CompiledCode {
  return (compiled ??= compile(loop(oneJob(), [...get(job), ...get(end), ...i32.isLess]), firstVector - 2, vectors));
}

/** Compiles it now, for whoever has time before the first hasher is needed. */
export function prepareLaneHasher(): void {
  try {
    compileOnce();
  } catch {
    // The engine has no vectors: `makeLaneHasher` gives nothing then.
  }
}

/** Behind a message, up to so many bytes are looked at. Before it stand the 32 that it is compared with. */
const margin = 64;

/**
 * Makes a hasher with room for so many jobs and bytes of messages. Undefined where there are no vectors, and where the
 * words of WebAssembly, which are little-endian, are not those of the machine.
 *
 * @param multipliers eight numbers for `jobProduct`; zeros if there are none
 */
export function makeLaneHasher(jobs: number, size: number, multipliers?: Int32Array): LaneHasher | undefined {
  if (new Uint8Array(Uint32Array.of(1).buffer)[0] !== 1) {
    return undefined;
  }
  try {
    const dataOffset = jobsAt + jobs * jobBytes + margin;
    const pages = Math.ceil((dataOffset + size + margin) / 65_536);
    const { run, memory } = compileOnce().instantiate(pages);
    const words = new Int32Array(memory);
    words.set(roundConstants);
    words.set(multipliers ?? [], multipliersAt / 4);
    return {
      bytes: Buffer.from(memory, dataOffset, size),
      dataOffset,
      jobs: new Int32Array(memory, jobsAt, jobs * jobWords),
      run: (count) => run(jobsAt, jobsAt + count * jobBytes),
    };
  } catch {
    return undefined;
  }
}
