import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  lchownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { findJournals, lockAccount, openJournal, readJournals } from "../../src/migration/journal.ts";
import { ownFolder, readOwn } from "../../src/services/disk/own-files.ts";
import { createSeenHeads } from "../../src/services/disk/seen-heads.ts";

const did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";
const target = "https://new.example.com";
const name = "did-plc-ewvi7nxzyoun6zhxrhs64oiz-to-https-new.example.com.journal";
const owner = { pid: 1, host: "here", isAlive: () => true };

let folder = "";
let state = "";
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "decamp-own-"));
  state = path.join(folder, "state");
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const place = (): string => path.join(state, "migrations", name);
const victim = (): string => path.join(folder, "victim");
const mode = (file: string): string => (statSync(file).mode & 0o7777).toString(8);

/** Has the journal say one thing. */
async function write(stateDir: string = state): Promise<void> {
  const journal = await openJournal(stateDir, did, target);
  try {
    await journal.append({ type: "frozen", frozen: true });
  } finally {
    await journal.close();
  }
}

describe("a journal", () => {
  beforeEach(() => {
    mkdirSync(path.join(state, "migrations"), { recursive: true, mode: 0o700 });
    writeFileSync(victim(), "precious\n");
    chmodSync(victim(), 0o644);
  });

  test.each<[string, () => void, RegExp]>([
    ["that is a link", () => symlinkSync(victim(), place()), /symbolic link/],
    ["that is a link to nothing", () => symlinkSync(path.join(folder, "nothing"), place()), /symbolic link/],
    ["that has a second name", () => linkSync(victim(), place()), /hard link/],
    ["that is a pipe", () => execFileSync("mkfifo", [place()]), /no plain file/],
    ["that is a folder", () => mkdirSync(place()), /no plain file/],
  ])("%s is not written to, and nothing is done to what it leads to", async (_, make, why) => {
    make();
    await expect(write()).rejects.toMatchObject({
      code: "unreadable-file",
      message: expect.stringMatching(why) as string,
    });
    expect(readFileSync(victim(), "utf8")).toBe("precious\n");
    expect(mode(victim())).toBe("644");
    expect(readdirSync(folder).toSorted()).toEqual(["state", "victim"]);
    expect((await readJournals(state)).unreadable).toEqual([place()]);
  });

  test("that others may write to says nothing", async () => {
    await write();
    chmodSync(place(), 0o620);
    await expect(write()).rejects.toMatchObject({
      code: "unreadable-file",
      hint: expect.stringContaining("chmod 600"),
    });
    expect(await findJournals(state, did)).toEqual([]);
  });

  test("that others may read is closed to them", async () => {
    await write();
    chmodSync(place(), 0o644);
    await write();
    expect(mode(place())).toBe("600");
  });
});

test("a file of another user is not read as one's own", async () => {
  // Whoever runs this, one of the two is somebody else's.
  const isRoot = process.getuid?.() === 0;
  const file = isRoot ? path.join(folder, "file") : "/etc/passwd";
  if (isRoot) {
    writeFileSync(file, "");
    chownSync(file, 65_534, 65_534);
  }
  await expect(readOwn(file)).rejects.toMatchObject({ message: expect.stringContaining("another user") as string });
});

describe("the folder of the state", () => {
  test("is made with all above it, for its user alone", async () => {
    state = path.join(folder, "a", "b");
    await write();
    for (const one of [path.join(folder, "a"), state, path.join(state, "migrations")]) {
      expect([one, mode(one)]).toEqual([one, "700"]);
    }
    expect(mode(path.join(state, "migrations", name))).toBe("600");
  });

  test("that is empty, and open to others, is closed and used", async () => {
    mkdirSync(state);
    chmodSync(state, 0o777);
    await write();
    expect([mode(state), mode(path.join(state, "migrations"))]).toEqual(["700", "700"]);
  });

  test.each(["state", "state/migrations", "state/heads"])(
    "%s was open to others: it is closed, refused once, and then used",
    async (which) => {
      const heads = createSeenHeads(state);
      const seen = { did, cid: "bafy", seenAt: "then" };
      await write();
      await heads.remember(seen);
      chmodSync(path.join(folder, which), 0o770);
      const use = which === "state/heads" ? async () => heads.recall(did) : async () => findJournals(state, did);
      await expect(use()).rejects.toMatchObject({
        code: "refused",
        message: expect.stringContaining("Others could write") as string,
      });
      expect(mode(path.join(folder, which))).toBe("700");
      expect(await heads.recall(did)).toEqual(seen);
      await write();
    },
  );

  test("that has other things in it, too, is left as it is, and not used while others may write there", async () => {
    mkdirSync(state);
    writeFileSync(path.join(state, "letter.txt"), "");
    chmodSync(state, 0o777);
    for (const use of [write, async () => lockAccount(state, did, owner, 0), async () => readJournals(state)]) {
      await expect(use()).rejects.toMatchObject({
        code: "refused",
        hint: expect.stringContaining("chmod go-w") as string,
      });
    }
    expect(mode(state)).toBe("777");
    expect(readdirSync(state)).toEqual(["letter.txt"]);
    chmodSync(state, 0o755);
    await write();
    expect(mode(state)).toBe("755");
  });

  test("may be one where nobody can touch what is another's, such as /tmp", async () => {
    mkdirSync(state);
    chmodSync(state, 0o1777);
    await write();
    expect([mode(state), mode(path.join(state, "migrations"))]).toEqual(["1777", "700"]);
  });

  test("may be a link of the user's, or be reached by one; what decamp makes in it may not", async () => {
    mkdirSync(path.join(folder, "disk"));
    symlinkSync(path.join(folder, "disk"), path.join(folder, "link"));
    await write(path.join(folder, "link"));
    await write(path.join(folder, "link", "further"));
    expect(readdirSync(path.join(folder, "disk")).toSorted()).toEqual(["further", "migrations"]);
    mkdirSync(state);
    symlinkSync(path.join(folder, "disk", "migrations"), path.join(state, "migrations"));
    await expect(write()).rejects.toMatchObject({
      code: "refused",
      message: expect.stringContaining("link") as string,
    });
    await expect(lockAccount(state, did, owner, 0)).rejects.toMatchObject({ code: "refused" });
    expect(readdirSync(path.join(folder, "disk", "migrations"))).toEqual([name]);
  });

  test("of another user is not used, and neither is a link that another has made", async () => {
    const strange = { code: "refused", message: expect.stringContaining("another user") as string };
    if (process.getuid?.() !== 0) {
      // Nobody else's folder can be made here, but one lies everywhere.
      await expect(ownFolder("/", "usr")).rejects.toMatchObject(strange);
      return;
    }
    mkdirSync(state);
    chownSync(state, 65_534, 65_534);
    await expect(write()).rejects.toMatchObject(strange);
    expect(readdirSync(state)).toEqual([]);
    chownSync(state, 0, 0);
    symlinkSync(state, path.join(folder, "link"));
    lchownSync(path.join(folder, "link"), 65_534, 65_534);
    await expect(write(path.join(folder, "link"))).rejects.toMatchObject(strange);
    await expect(write(path.join(folder, "link", "further"))).rejects.toMatchObject(strange);
    expect(readdirSync(state)).toEqual([]);
  });
});
