/**
 * One measured process: `node task.ts TASK FILE KEY`. Prints what was found and what it cost. Everything is imported by
 * the task that needs it, so that none pays for another.
 */
import type { verifyRepo as verifyRepoType } from "../../src/repo/verify.ts";
import { fstatSync, openSync, readFileSync, readSync } from "node:fs";

interface Verify {
  verifyRepo: typeof verifyRepoType;
}

const [, , task = "", path = "", didKey = ""] = process.argv;
const did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";

function fileSource(file: number): { read(offset: number, length: number, into?: Uint8Array): Uint8Array } {
  return {
    read(offset, length, into = new Uint8Array(length)) {
      return into.subarray(0, readSync(file, into, 0, length, offset));
    },
  };
}

function check(holds: boolean, what: string): void {
  if (!holds) {
    throw new Error(what);
  }
}

const tasks: Record<string, () => Promise<number>> = {
  /** Everything that decamp checks. */
  async decamp() {
    // The built form: what users run.
    const verify = new URL("../../dist/repo.js", import.meta.url).href;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a module that the type checker does not see
    const { verifyRepo } = (await import(verify)) as Verify;
    const report = await verifyRepo(fileSource(openSync(path, "r")), { did, signingKeys: [didKey], now: Date.now() });
    check(
      report.ok && report.signature === "valid" && report.findings.length === 0,
      JSON.stringify(report).slice(0, 1000),
    );
    return report.records;
  },

  /** Only the hash of each block, compared with its CID. */
  async hash() {
    const { hash } = await import("node:crypto");
    const file = openSync(path, "r");
    const window = Buffer.allocUnsafeSlow(1 << 20);
    const size = fstatSync(file).size;
    let blocks = 0;
    for (let base = 0; base < size;) {
      const filled = readSync(file, window, 0, window.length, base);
      let at = base === 0 ? window[0]! + 1 : 0;
      for (;;) {
        let length = window[at]!;
        let start = at + 1;
        if (length >= 0x80) {
          length = (length & 0x7f) | (window[at + 1]! << 7);
          start = at + 2;
        }
        if (start + length > filled) {
          break;
        }
        const digest = hash("sha256", new Uint8Array(window.buffer, start + 36, length - 36), "binary");
        check(digest === window.latin1Slice(start + 4, start + 36), "hash");
        blocks++;
        at = start + length;
        if (at + 2 > filled) {
          break;
        }
      }
      base += at;
    }
    return blocks;
  },

  /** The fullest check that can be composed of @atcute packages. */
  async atcute() {
    const { fromUint8Array } = await import("@atcute/car");
    const CID = await import("@atcute/cid");
    const { MemoryBlockStore, NodeStore, NodeWalker } = await import("@atcute/mst");
    const { decode, encode, isBytes, fromBytes } = await import("@atcute/cbor");
    const { verifySigWithDidKey } = await import("@atcute/crypto");
    const car = fromUint8Array(readFileSync(path));
    const blocks = new Map<string, Uint8Array<ArrayBuffer>>();
    for (const { cid, bytes } of car) {
      const computed = await CID.create(0x71, bytes);
      check(CID.equals(computed, cid), "hash");
      blocks.set(CID.toString(cid), bytes as Uint8Array<ArrayBuffer>);
    }
    const root = car.roots[0]?.$link ?? "";
    const commit = decode(blocks.get(root)!) as Record<string, unknown>;
    const { sig, ...unsigned } = commit;
    check(commit["did"] === did && isBytes(sig), "commit");
    const signature = fromBytes(sig as Parameters<typeof fromBytes>[0]) as Uint8Array<ArrayBuffer>;
    check(await verifySigWithDidKey(didKey, signature, encode(unsigned)), "signature");
    const store = new NodeStore(new MemoryBlockStore(blocks));
    const walker = await NodeWalker.create(store, (commit["data"] as { $link: string }).$link);
    let records = 0;
    for await (const [, { $link }] of walker.entries()) {
      const bytes = blocks.get($link);
      check(bytes !== undefined, "record");
      decode(bytes!);
      records++;
    }
    return records;
  },

  /** The reference library's check. */
  async reference() {
    const { verifyRepoCar } = await import("@atproto/repo");
    const { creates } = await verifyRepoCar(readFileSync(path), did, didKey);
    return creates.length;
  },

  /** Nothing: what the process costs by itself. */
  async empty() {
    return Promise.resolve(0);
  },
};

const started = process.hrtime.bigint();
const count = await tasks[task]!();
const wall = Number(process.hrtime.bigint() - started) / 1e9;
const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
console.log(JSON.stringify({ count, cpu: (userCPUTime + systemCPUTime) / 1e6, wall, megabytes: maxRSS / 1024 }));
