/**
 * Every rule that a repository can break. The ids are public: they stand in `--json`, in docs/RULES.md and in the
 * fixtures, and are only added to.
 */

/** The three questions that a report answers. */
export type Part = "structure" | "signature" | "completeness";

/** What a repository has to keep to. */
export interface Rule {
  severity: "error" | "warning";
  /** Which answers an error spoils. */
  parts: readonly Part[];
  /** What holds when the rule is broken. */
  sentence: string;
}

/** What the rules have in common. `opaque`: what is behind it cannot be reached. */
const kinds = {
  structure: { severity: "error", parts: ["structure"] },
  signature: { severity: "error", parts: ["signature"] },
  completeness: { severity: "error", parts: ["completeness"] },
  opaque: { severity: "error", parts: ["structure", "completeness"] },
  warning: { severity: "warning", parts: [] },
} as const;

const table = {
  "car/empty": ["opaque", "There is nothing in it: 0 bytes."],
  "car/gzip": ["opaque", "This looks like a file that is compressed with gzip. Unpack it first, with gzip -d."],
  "car/zip": ["opaque", "This looks like a ZIP archive. Unpack it first, with unzip."],
  "car/zstd": ["opaque", "This looks like a file that is compressed with Zstandard. Unpack it first, with zstd -d."],
  "car/xz": ["opaque", "This looks like a file that is compressed with xz. Unpack it first, with xz -d."],
  "car/bzip2": ["opaque", "This looks like a file that is compressed with bzip2. Unpack it first, with bzip2 -d."],
  "car/html": ["opaque", "This looks like an HTML page, not like a CAR file."],
  "car/json": ["opaque", "This looks like JSON, not like a CAR file; perhaps it is the error message of a server."],
  "car/http": [
    "opaque",
    "This looks like the answer of a server with its headers before the file. Save the body alone (curl without -i).",
  ],
  "car/base64": ["opaque", "This looks like a CAR file in base64. Decode it first, with base64 -d."],
  "car/bom": [
    "opaque",
    "This starts with the byte order mark of a text. If a program has saved it as text, get it anew, as bytes.",
  ],
  "car/utf-16": [
    "opaque",
    "This looks like text in UTF-16, as PowerShell writes it for >. Get it anew, as bytes (curl -o FILE).",
  ],
  "car/git-lfs": ["opaque", "This looks like a pointer of Git LFS in place of the file. Get that with git lfs pull."],
  "car/pem": ["opaque", "This looks like a key or a certificate (PEM), not like a CAR file."],
  "car/ipfs": [
    "opaque",
    "This looks like a CAR file of IPFS: its root is a file or a folder (dag-pb), not the commit of a repository.",
  ],
  "car/version-2": [
    "opaque",
    "This looks like a CAR file of version 2. AT Protocol uses version 1, which lies inside of it.",
  ],
  "car/version-2-header": [
    "opaque",
    "This starts like a CAR file of version 2, but its header leads nowhere. AT Protocol uses version 1.",
  ],
  "car/header": ["opaque", "This does not start with the header of a CAR file."],
  "car/version": ["opaque", "The header names a version of CAR other than 1."],
  "car/no-root": ["opaque", "The header names no root, so it is not known which block is the commit."],
  "car/roots": ["warning", "The header names more than one root; the first is taken for the commit."],
  "car/root-link": ["opaque", "The root in the header is not a CID that a commit can have."],
  "car/varint": ["opaque", "The length of a section is not a valid number in its shortest form."],
  "car/empty-section": ["opaque", "A section has no bytes."],
  "car/truncated": ["opaque", "The file ends in the middle of a section."],
  "car/cid": ["structure", "A section does not start with a CID of the kind that AT Protocol uses."],
  "car/hash": ["structure", "The content of a block is not what its CID says."],

  "commit/missing": ["completeness", "The commit is not in the file."],
  "commit/cbor": ["opaque", "The commit is not DAG-CBOR as AT Protocol has it."],
  "commit/fields": ["structure", "The commit does not have exactly the six fields that it must have."],
  "commit/version-2": ["structure", "This is a repository of version 2, which is out of use. Version 3 is needed."],
  "commit/version": ["structure", "The version of the commit is not 3."],
  "commit/did": ["structure", "The commit does not name a valid DID."],
  "commit/other-did": ["structure", "This is the repository of another account."],
  "commit/data": ["opaque", "The commit does not link to a tree."],
  "commit/rev": ["structure", "The revision of the commit has not the form of one."],
  "commit/future-rev": ["structure", "The revision of the commit lies in the future."],
  "commit/prev": ["structure", "The commit's prev is neither null nor a link."],
  "commit/sig": ["signature", "The signature is not 64 bytes."],
  "commit/high-s": ["signature", "The signature is not in its one allowed form (low-S)."],
  "commit/signature": ["signature", "The signature was not made with any of the keys of this account."],

  "mst/node-cbor": ["opaque", "A node of the tree is not DAG-CBOR as AT Protocol has it."],
  "mst/node-fields": ["structure", "A node does not have exactly the fields e and l."],
  "mst/entry-fields": ["structure", "An entry does not have exactly the fields k, p, t and v."],
  "mst/node-type": ["opaque", "A field of a node or entry has the wrong type."],
  "mst/node-link": ["opaque", "A link to a node is not a CID that a node can have."],
  "mst/record-link": ["warning", "A link to a record is not a dag-cbor CID: what it leads to is not looked into."],
  "mst/first-prefix": ["structure", "The first entry of a node shares a prefix with nothing."],
  "mst/prefix-too-long": ["opaque", "An entry shares more bytes with the key before than that one has."],
  "mst/prefix-not-maximal": ["structure", "An entry shares fewer bytes with the key before than it could."],
  "mst/key-order": ["structure", "The keys are not in ascending order."],
  "mst/duplicate-key": ["structure", "The same key stands twice."],
  "mst/key-range": ["structure", "A key lies outside of the range that the place of its node allows."],
  "mst/key-length": ["opaque", "A key is empty or longer than 1024 bytes."],
  "mst/key-path": ["structure", "A key is not of the form collection/rkey."],
  "mst/key-characters": ["structure", "A key has a character that keys may not have."],
  "mst/key-collection": ["structure", "The first part of a key is not the name of a collection."],
  "mst/key-rkey": ["structure", "The second part of a key is not a record key."],
  "mst/key-depth": ["structure", "A key stands on a level of the tree on which it does not belong."],
  "mst/empty-root": ["structure", "The top node has no entries, but something below it."],
  "mst/empty-node": ["structure", "A node below the top has no entries, and nothing below it."],
  "mst/too-deep": ["opaque", "A node has something below it on a level where nothing can be."],
  "mst/shared-node": ["structure", "The same node stands at two places of the tree."],
  "mst/missing-node": ["completeness", "A node of the tree is not in the file."],
  "mst/missing-record": ["completeness", "A record is not in the file."],

  "repo/incomplete": [
    "completeness",
    "Blocks are missing: the file was cut short, or it is a diff that was made with since.",
  ],

  "record/not-a-map": ["warning", "A record is not a map."],
  "record/truncated": ["warning", "A record ends in the middle of a value."],
  "record/trailing": ["warning", "A record has bytes behind its end."],
  "record/not-minimal": ["warning", "A number or length in a record is not in its shortest form."],
  "record/indefinite": ["warning", "A length in a record is indefinite."],
  "record/reserved": ["warning", "A record has a CBOR head of a reserved form."],
  "record/key-type": ["warning", "A map in a record has a key that is not a text."],
  "record/key-order": ["warning", "The keys of a map in a record are not in canonical order."],
  "record/duplicate-key": ["warning", "A map in a record has the same key twice."],
  "record/utf8": ["warning", "A text in a record is not valid UTF-8."],
  "record/tag": ["warning", "A record has a CBOR tag other than 42."],
  "record/link": ["warning", "A link in a record is not a CID of the kind that AT Protocol uses."],
  "record/simple": ["warning", "A record has a simple value other than false, true and null."],
  "record/float": ["warning", "A record has a floating-point number."],
  "record/integer-range": ["warning", "An integer in a record does not fit into 64 bits."],
  "record/depth": ["warning", "Maps and lists of a record are nested more deeply than is recommended."],
  "record/size": ["warning", "A record is larger than 1 MiB."],
  "record/type": ["warning", "A record has no $type, or one that is not a text with something in it."],
  "record/blob-ref": [
    "warning",
    "A map in a record calls itself a blob and is no blob ref: not exactly ref, size, $type and mimeType, a negative size, or a CID that is not one of bytes as they are.",
  ],
  "record/blobs-unknown": ["warning", "A record cannot be read to its end: whether it needs blobs is not known."],

  "limit/header-bytes": ["opaque", "The header is larger than the limit."],
  "limit/block-bytes": ["opaque", "A block is larger than the limit."],
  "limit/node-entries": ["opaque", "A node has more entries than the limit."],
  "limit/index-entries": ["opaque", "Remembering the blocks takes more memory than the limit."],
  "limit/held-bytes": ["opaque", "Holding blocks that come too early takes more memory than the limit."],
  "limit/findings": ["warning", "There is more to find than is listed."],
} as const;

/** The name of a rule for repositories: stable. */
export type RuleId = keyof typeof table;

function makeRules(): Record<RuleId, Rule> {
  const made: Partial<Record<RuleId, Rule>> = {};
  for (const id of ruleIds) {
    const [kind, sentence] = table[id];
    made[id] = { ...kinds[kind], sentence };
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the loop has set every one
  return made as Record<RuleId, Rule>;
}

/** All ids, in the order of the table. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Object.keys does not know its argument's keys
export const ruleIds: readonly RuleId[] = Object.keys(table) as RuleId[];

/** All rules for repositories, by their ids; docs/RULES.md lists them. */
export const rules: Readonly<Record<RuleId, Rule>> = makeRules();
