/** The tree of a repository in the order of its keys, step by step, without recursion. */
import { DecampError } from "../errors.ts";
import { cidFromDigest, cidToBytes, type Cid } from "../data/cid.ts";
import { defaultLimits } from "./limits.ts";
import { Collections, NodeReader, anyLevel, type NodeEntries } from "./mst.ts";
import { examineNode } from "./mst-examine.ts";
import { keyDepth } from "./path.ts";
import { Findings } from "./report.ts";

/** Where a walk gets the blocks from. */
export interface BlockReader {
  /**
   * The block whose digest starts at `at`, proved.
   *
   * @throws DecampError `damaged` if it is not there, or its content is not what its CID says
   */
  read(view: DataView, at: number): Buffer;
  /** The same for a block that is not of codec dag-cbor. */
  readOther(cid: Cid): Buffer;
}

/** A node on the way from the top to where the walk is. */
interface Step {
  view: DataView;
  keys: string[];
  valueAt: Int32Array;
  /** Records that are not of codec dag-cbor, by key; nearly always none. */
  others: ReadonlyMap<string, Cid> | undefined;
  /** Subtrees: the left one, then one for each entry; 0 for none. */
  childAt: Int32Array;
  level: number;
  /** Twice the number of entries that are done, plus one if the subtree after them is, too. */
  done: number;
}

/** No path through a tree is longer: keys have at most 128 levels. */
const maxSteps = 130;

/** Where a walk stands: before a record, before a subtree that can be entered or skipped, or at the end. */
export type WalkState = "record" | "subtree" | "end";

/**
 * A walk over one tree. Errors of the tree that would make the walk endless or its order wrong are thrown; whoever
 * wants to know all that is wrong verifies the repository.
 */
export class Walk {
  state: WalkState = "subtree";
  /** The key of the record at which the walk stands. */
  key = "";
  /** Level of the subtree at which the walk stands; infinite for the whole tree, before it is entered. */
  level: number = Infinity;
  private view: DataView;
  private at = 0;
  /** The record at which the walk stands, if it is not of codec dag-cbor. */
  private other: Cid | undefined;
  private lastKey: string | undefined;
  private readonly steps: Step[] = [];
  private readonly index: BlockReader;
  private readonly reader = new NodeReader(new Collections(), defaultLimits.nodeEntries);

  /** Stands before the whole tree. */
  constructor(index: BlockReader, top: Cid) {
    this.index = index;
    this.view = new DataView(cidToBytes(top).slice(4).buffer);
  }

  /** The CID of the record or subtree at which the walk stands. */
  get cid(): Cid {
    if (this.other !== undefined) {
      return this.other;
    }
    return cidFromDigest("dag-cbor", new Uint8Array(this.view.buffer, this.view.byteOffset + this.at, 32));
  }

  /** Whether what stands there is not of codec dag-cbor. */
  get isOther(): boolean {
    return this.other !== undefined;
  }

  /** What `is` says of the block at which the walk stands; true if it is not of codec dag-cbor. */
  ask(is: (view: DataView, at: number) => boolean): boolean {
    return this.other !== undefined || is(this.view, this.at);
  }

  /** The block of the record at which the walk stands. @throws DecampError `damaged` */
  read(): Buffer {
    return this.other === undefined ? this.index.read(this.view, this.at) : this.index.readOther(this.other);
  }

  /** Goes into the subtree at which the walk stands. @throws DecampError `damaged` if it is missing or no good node */
  enter(): void {
    const bytes = this.index.read(this.view, this.at);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    let node: NodeEntries = this.reader;
    let others: ReadonlyMap<string, Cid> | undefined;
    if (!this.reader.read(bytes, view, 0, bytes.length, anyLevel, undefined, undefined, true)) {
      if (this.steps.length === 0 && bytes.equals(emptyTree)) {
        this.state = "end";
        return;
      }
      const examined = this.examine(bytes);
      node = examined;
      others = new Map(examined.looseRecords.map(({ key, cid }) => [key, cid]));
    }
    if (this.steps.length >= maxSteps) {
      throw this.error("The tree is deeper than any tree can be");
    }
    const { count } = node;
    const childAt = new Int32Array(count + 1);
    childAt[0] = node.leftAt;
    childAt.set(node.childAt.subarray(0, count), 1);
    const keys = node.keys.slice(0, count);
    const level = keys[0] === undefined ? this.level : keyDepth(Buffer.from(keys[0], "latin1"));
    const valueAt = node.valueAt.slice(0, count);
    this.steps.push({ view: node.view, keys, valueAt, others, childAt, level, done: 0 });
    this.next();
  }

  /** The entries of a node that is not good in all respects, if what is wrong with it is no more than a warning. */
  private examine(bytes: Buffer): ReturnType<typeof examineNode> & object {
    const findings = new Findings(defaultLimits);
    const place = { level: anyLevel, lower: undefined, upper: undefined };
    const node = examineNode(bytes, this.cid, place, false, new Collections(), defaultLimits, findings);
    if (node === undefined || findings.spoils("structure") || findings.spoils("completeness")) {
      throw this.error("A node of the tree is malformed");
    }
    return node;
  }

  /** Goes on behind the record or subtree at which the walk stands. @throws DecampError `damaged` on a wrong order */
  next(): void {
    for (let step = this.steps.at(-1); step !== undefined; step = this.steps.at(-1)) {
      const position = step.done++;
      const entry = position >> 1;
      this.view = step.view;
      this.other = undefined;
      if ((position & 1) === 0) {
        this.at = step.childAt[entry]!;
        if (this.at !== 0) {
          this.level = step.level - 1;
          this.state = "subtree";
          return;
        }
      } else if (entry < step.keys.length) {
        this.at = step.valueAt[entry]!;
        this.key = step.keys[entry]!;
        if (this.lastKey !== undefined && this.key <= this.lastKey) {
          throw this.error(`The keys of the tree are not in ascending order at ${this.key}`);
        }
        this.lastKey = this.key;
        this.other = this.at === 0 ? step.others?.get(this.key) : undefined;
        this.state = "record";
        return;
      } else {
        this.steps.pop();
      }
    }
    this.state = "end";
  }

  private error(what: string): DecampError {
    const hint = "Run decamp verify on it to see everything that is wrong.";
    return new DecampError("damaged", `${what}.`, { hint, data: { cid: this.cid } });
  }
}

/** `{e: [], l: null}` */
const emptyTree = Buffer.from("a2616580616cf6", "hex");
