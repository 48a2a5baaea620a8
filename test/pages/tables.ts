/** What each page needs to be followed; and which commands on the pages are not typed by it. */
import type { PageTable } from "./run-page.ts";

/**
 * Commands that are typed by nobody: five at the most, each with its reason. They are what stands on a page, letter by
 * letter.
 */
export const exceptions: Readonly<Record<string, string>> = {
  "npm ci --workspaces=false --ignore-scripts": "it fetches 250 MB from the registry; CI does so with all packages",
  "npm run demo": "it starts servers of its own, and does what test/e2e/move.test.ts does",
  "npm run release -- 1.2.3": "it publishes",
};

/** Commands that another test runs, or CI itself: the file, and what in it does so. */
export const elsewhere: Readonly<Record<string, { readonly file: string; readonly by: string }>> = {
  "npm ci": { file: ".ci/run", by: "npm ci" },
  "npm test": { file: ".ci/run", by: "npm test" },
  "npm run build": { file: "test/tools/test.ts", by: '["node", "test/tools/build.ts"]' },
  // What it starts, once it has looked at what it was given.
  "npm run rehearse -- FOLDER": { file: "test/e2e/rehearsal.test.ts", by: "await rehearse(archive" },
  "npm run release -- 1.2.3 --dry-run": { file: "test/house/release.test.ts", by: '"--dry-run"' },
};

const phrase = "correct horse battery staple";

/** Pages that a test of their own follows. */
export const followedBy: Readonly<Record<string, string>> = {
  "docs/INSTALL.md": "test/house/install.test.ts",
  "docs/INSURANCE.md": "test/cli/insure.test.ts",
  "docs/SCRIPTING.md": "test/pages/scripting.test.ts",
  "docs/STORAGE.md": "test/pages/storage.test.ts",
  "docs/WATCH.md": "test/pages/watch.test.ts",
};

/** Each page that has commands. */
export const tables: Readonly<Record<string, PageTable>> = {
  "README.md": {
    typedOn: {
      "decamp export alice.example.com -o backup": "docs/BACKUP.md",
      "decamp migrate": "docs/MOVE.md",
      "decamp migrate status alice.pds.example.org": "docs/MOVE.md",
    },
  },
  "docs/BACKUP.md": {
    setting: "account alice records=30 blobs=3",
    answers: [["Password of alice.example.com", "the-old-password"]],
  },
  "docs/REPAIR.md": {
    setting: "account alice records=20 blobs=2",
    before: { "": ["DECAMP_SOURCE_PASSWORD=the-old-password decamp export alice.example.com -o backup --sign-in -q"] },
    answers: [
      ["Password of alice.example.com", "the-old-password"],
      ["Password of alice.example.com", "the-old-password"],
      ["Password of alice.example.com", "the-old-password"],
      ["Password of alice.example.com", "the-old-password"],
    ],
  },
  "docs/KEYS.md": {
    setting: "account alice records=20 blobs=2",
    answers: [
      ["A passphrase for the key file:", phrase],
      ["The same passphrase once more:", phrase],
      ["Passphrase of the key file", phrase],
      ["Password of alice.example.com", "the-old-password"],
      ["Type the DID or the handle to go on", "alice.example.com"],
      ["Code from the mail", { mail: "PLC Update" }],
      ["Passphrase of the key file", phrase],
      ["Passphrase of the key file", phrase],
      ["Type the DID or the handle to go on", "alice.example.com"],
    ],
    before: {
      // A thief, who has the password and the mailbox, takes the key out.
      "decamp plc history alice.example.com": [
        "DECAMP_SOURCE_PASSWORD=the-old-password decamp plc add-key alice.example.com " +
          "did:key:zDnaeu9S9EmV9JG9F3rHA2oR4ZdmyVY83XnEmcgpSojjJRjNJ --replace <key-page-1> " +
          '--plc-token-command "$MAILBOX alice@keys.example.com $BEGAN" --confirm-did <did-alice> -q',
      ],
    },
  },
  "docs/SERVER-GONE.md": {
    setting: `account alice records=30 blobs=3
server pds.example.org
`,
    before: {
      "": [
        `DECAMP_PASSPHRASE="${phrase}" decamp key generate -o rotation-key.age`,
        `DECAMP_PASSPHRASE="${phrase}" DECAMP_SOURCE_PASSWORD=the-old-password decamp plc add-key alice.example.com ` +
          'rotation-key.age --plc-token-command "$MAILBOX alice@server-gone.example.com $BEGAN" --confirm-did <did-alice> -q',
        "DECAMP_SOURCE_PASSWORD=the-old-password decamp export alice.example.com -o backup --sign-in -q",
        "rm -rf .local",
      ],
    },
    gone: ["pds.example.com"],
    stands: { "did:plc:ewvi7nxzyoun6zhxrhs64oiz": "<did-alice>" },
    answers: [
      ["Passphrase of the key file", phrase],
      ["Passphrase of the key file", phrase],
      ["Your e-mail address on the new server", "\u0015alice@server-gone.example.com"],
      ["New password for alice.example.com", "the-new-password"],
      ["The same password once more", "the-new-password"],
      ["Type the DID or the handle to go on", "alice.example.com"],
      ["This is the point of no return.", "alice.example.com"],
    ],
  },
  "docs/MOVE.md": {
    setting: `account alice records=30 blobs=3
server pds.example.org
`,
    answers: [
      ["Your account, its handle or its DID", "alice.example.com"],
      ["Your new server, its address", "https://pds.example.org"],
      ["Make one now?", "yes"],
      ["Where to keep it", "\u0015rotation-key.age"],
      ["A passphrase for the key file", phrase],
      ["The same passphrase once more", phrase],
      ["Your handle on the new server", "\u0015alice.pds.example.org"],
      ["Begin?", "yes"],
      ["Password of alice.example.com", "the-old-password"],
      ["Your e-mail address on the new server", "\u0015alice@move.example.com"],
      ["New password for alice.pds.example.org", "the-new-password"],
      ["The same password once more", "the-new-password"],
      ["Type the DID or the handle to go on", "alice.example.com"],
      ["Code from the mail", { mail: "PLC Update" }],
      ["This is the point of no return.", "alice.example.com"],
      ["Code from the mail", { mail: "PLC Update" }],
      ["Have a code mailed there now", "no"],
      ["Password of alice.pds.example.org at your old server", "the-old-password"],
      ["Passphrase of the key file", phrase],
      ["Type the DID or the handle to go on", "alice.pds.example.org"],
      ["Password of alice.pds.example.org at your new server", "the-new-password"],
    ],
  },
  "docs/RETURN.md": {
    setting: `account alice records=30 blobs=3
home morel.us-east.host.bsky.network
server pds.example.org
`,
    before: {
      "": [
        "DECAMP_SOURCE_PASSWORD=the-old-password DECAMP_TARGET_PASSWORD=the-new-password decamp migrate alice.example.com " +
          "--to https://pds.example.org --new-handle alice.pds.example.org --new-email alice@return.example.com " +
          '--plc-token-command "$MAILBOX alice@return.example.com $BEGAN" --confirm-did <did-alice> --no-input -q',
        "rm -rf .local",
      ],
    },
    answers: [
      ["Password of alice.pds.example.org", "the-new-password"],
      ["Password of alice.example.com at your new server", "the-old-password"],
      ["This is the point of no return.", "alice.pds.example.org"],
      ["Code from the mail", { mail: "PLC Update" }],
      ["Have a code mailed there now", "no"],
    ],
  },
  "docs/OPERATORS.md": {
    stands: { "did:plc:ewvi7nxzyoun6zhxrhs64oiz": "<did-alice>" },
    setting: `account alice records=20 blobs=2
account bob records=20 blobs=2
account carol records=20 blobs=2
`,
  },
};
