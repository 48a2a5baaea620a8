import { describe, expect, test } from "vitest";
import { createAnswers, type GivenAnswers } from "../../src/cli/talk/move-answers.ts";
import type { Prompter, Question } from "../../src/cli/talk/prompter.ts";
import { createPrompter } from "../../src/cli/talk/prompter.ts";
import { createSecrets } from "../../src/cli/talk/secrets.ts";
import { openTerminal } from "../../src/cli/talk/terminal.ts";
import type { Answers } from "../../src/migration/answers.ts";
import { moveFacts } from "./support/facts.ts";
import { captured, type Captured } from "./support/streams.ts";

const did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";
const change = {
  did,
  handle: "alice.example",
  differences: [
    { field: "services.atproto_pds", kind: "changed", before: "https://old.example", after: "https://new.example" },
  ],
  facts: moveFacts,
} as const;

interface Setting {
  answers: Answers;
  asked: Question[];
  streams: Captured;
}

/** Answers in front of a person who types `typed`, or, without it, where nobody can be asked. */
async function setting(given: Partial<GivenAnswers> = {}, typed?: readonly string[]): Promise<Setting> {
  const streams = captured();
  const terminal = await openTerminal(streams.parts, { noColor: false });
  const { signal } = new AbortController();
  const asked: Question[] = [];
  const left = [...(typed ?? [])];
  const ask = (question: Question): Promise<string> => {
    asked.push(question);
    const answer = left.shift();
    return answer === undefined ? Promise.reject(new Error("asked once too often")) : Promise.resolve(answer);
  };
  const nobody = createPrompter(terminal, {
    noInput: true,
    json: false,
    noColor: false,
    signal,
    leave: () => undefined,
  });
  const prompter: Prompter =
    typed === undefined
      ? nobody
      : { canAsk: true, text: ask, secret: ask, makeRoom: () => undefined, lend: async (work) => work() };
  const secrets = createSecrets(terminal, {}, prompter, terminal.secrets, signal);
  return { answers: createAnswers(terminal, { yes: false, ...given }, secrets, prompter), asked, streams };
}

const hint = (text: string) => ({ code: "input-needed", hint: expect.stringContaining(text) as string });

test("a person who has to confirm the account reads what the server says, and is waited for", async () => {
  const said = "new.example lets nobody sign in to this account yet: Please verify your account.";
  const { answers, asked, streams } = await setting({}, [""]);
  await answers.accountConfirmed?.({ host: "new.example", said });
  expect(asked).toMatchObject([{ message: "Enter once it is confirmed:", mayBeEmpty: true }]);
  expect(streams.stderr()).toContain(said);
  expect((await setting()).answers.accountConfirmed).toBe(undefined);
});

describe("the point of no return", () => {
  test("--confirm-did with the right DID is a yes, and nothing is asked", async () => {
    const { answers, asked } = await setting({ confirmDid: did }, []);
    await answers.confirmIdentityChange(change);
    expect(asked).toEqual([]);
  });

  test("--confirm-did with another DID is refused with exit code 9, even if a person is there", async () => {
    for (const typed of [undefined, [did]]) {
      const { answers, asked } = await setting({ confirmDid: "did:plc:other" }, typed);
      await expect(answers.confirmIdentityChange(change)).rejects.toMatchObject({ code: "refused", exitCode: 9 });
      expect(asked).toEqual([]);
    }
  });

  test("--yes does not cover it: exit code 7, naming --confirm-did", async () => {
    const { answers } = await setting({ yes: true });
    await expect(answers.confirmIdentityChange(change)).rejects.toMatchObject({
      code: "input-needed",
      exitCode: 7,
      hint: `Give it with --confirm-did ${did}.`,
    });
  });

  test("--yes does not answer for a person either", async () => {
    const { answers, asked } = await setting({ yes: true }, [did]);
    await answers.confirmIdentityChange(change);
    expect(asked).toHaveLength(1);
  });

  test("a person sees what it means and what changes before the question, and types the DID", async () => {
    const { answers, asked, streams } = await setting({}, [did]);
    await answers.confirmIdentityChange(change);
    const shown = streams.stderr();
    expect(shown).toContain(did);
    const sentences = shown.indexOf("Your old server's rotation key leaves: did:key:zOld\n");
    expect(sentences).toBeGreaterThan(0);
    // What has to be on the screen with the question comes last.
    expect(shown.indexOf("- services.atproto_pds:")).toBeLessThan(sentences);
    expect(shown.indexOf("The point of no return\n")).toBeGreaterThan(sentences);
    expect(shown).toContain("- services.atproto_pds: https://old.example\n");
    expect(shown).toContain("+ services.atproto_pds: https://new.example\n");
    const [question] = asked;
    expect(question?.message).toMatch(/^This is the point of no return\. Type the DID or the handle to go on/);
    expect(question?.check?.(did)).toBe(true);
    expect(question?.check?.(` ${did} `)).toBe(true);
    expect(question?.check?.("")).toBe(true);
    expect(question?.check?.("alice.example")).toBe(true);
    expect(question?.check?.("Alice.Example")).toBe(true);
    for (const wrong of ["y", "yes", "bob.example", did.toUpperCase(), did.slice(0, -1)]) {
      expect(question?.check?.(wrong)).toContain("That is not this account.");
    }
  });

  test("where the old server's key stands above, it is said before the temporary key is agreed to", async () => {
    const keys = moveFacts.keys.map((fact) =>
      fact.owner === "user"
        ? { ...fact, rankBefore: 1, rank: 1 }
        : fact.owner === "old-server"
          ? { ...fact, change: "stays" as const, rankBefore: 0, rank: 0 }
          : fact,
    );
    const { answers, streams } = await setting({}, [did, did]);
    await answers.confirmIdentityChange({ ...change, purpose: "temporary-key" });
    expect(streams.stderr()).not.toContain("could take both changes back");
    await answers.confirmIdentityChange({ ...change, facts: { ...moveFacts, keys }, purpose: "temporary-key" });
    expect(streams.stderr()).toContain("Your old server could take both changes back.");
    expect(streams.stderr()).toContain("Its key stands above yours: did:key:zOld\n");
    const { answers: hasty } = await setting({ yes: true });
    await expect(hasty.confirmIdentityChange({ ...change, purpose: "temporary-key" })).rejects.toMatchObject({
      code: "input-needed",
    });
  });

  test("a key that is added first is not called the point of no return", async () => {
    const { answers, streams } = await setting({}, [did, did]);
    await answers.confirmIdentityChange({ ...change, purpose: "recovery-key" });
    expect(streams.stderr()).toContain("Your own rotation key\n");
    expect(streams.stderr()).not.toContain("The point of no return");
    await answers.confirmIdentityChange(change);
    expect(streams.stderr()).toContain("The point of no return\n");
  });

  test("of a did:web it says who publishes what where, and how it could be undone", async () => {
    const { answers, streams } = await setting({}, [did]);
    const facts = { ...moveFacts, keys: [], keyCount: 0, undo: { possible: "no", keys: [] } } as const;
    const document = { url: "https://alice.example/.well-known/did.json", file: "/state/did.json" };
    await answers.confirmIdentityChange({ ...change, facts, document });
    const shown = streams.stderr();
    for (const line of [
      "The point of no return\n",
      "Its identity is the document at https://alice.example/.well-known/did.json, which you publish yourself:\n",
      "decamp writes it to /state/did.json\n",
      "but to publish the old document again.\n",
    ]) {
      expect(shown).toContain(line);
    }
    expect(shown).not.toContain("rotation key");
  });

  test("says before the question whether all data is there, and else what is not", async () => {
    const all = await setting({}, [did]);
    await all.answers.confirmIdentityChange(change);
    expect(all.streams.stderr()).toContain("All data is on your new server;");

    const { answers, streams } = await setting({}, [did]);
    const blob = { reason: "skipped, as you asked", records: ["app.bsky.feed.post/3abc"] };
    await answers.confirmIdentityChange({
      ...change,
      leftBehind: {
        missingBlobs: [{ ...blob, cid: "bafkgone", reason: "not found" }],
        blobsNotMoved: [{ ...blob, cid: "bafkskipped", archived: true }],
        preferencesNotMoved: { reason: "they could not be written" },
        blobsThere: 148,
        blobsNeeded: 150,
      },
    });
    const shown = streams.stderr();
    expect(shown).not.toContain("All data");
    for (const fact of [
      "Not all data is on your new server: it has 148 of 150 blobs.\n",
      "bafkgone  not found\n",
      "bafkskipped  skipped, as you asked; the archive has it\n    needed by app.bsky.feed.post/3abc\n",
      "they could not be written\n",
    ]) {
      expect(shown).toContain(fact);
    }
  });

  test("says that nobody has seen yet what the new server has", async () => {
    const { answers, streams } = await setting({}, [did]);
    await answers.confirmIdentityChange({ ...change, provedLater: true });
    expect(streams.stderr()).toContain("Nobody has seen yet what your new server has.");
    expect(streams.stderr()).not.toContain("All data");
  });

  test("an empty line stops, as Ctrl-C at the question does", async () => {
    const { answers } = await setting({}, [""]);
    await expect(answers.confirmIdentityChange(change)).rejects.toMatchObject({ code: "interrupted", exitCode: 130 });
  });

  test("whatever is no yes to the deletion of a copy stops in the same way", async () => {
    const copy = { did, handle: "alice.example", host: "https://new.example" };
    for (const typed of ["", "no"]) {
      const { answers } = await setting({}, [typed]);
      await expect(answers.confirmDeletion?.(copy)).rejects.toMatchObject({ code: "interrupted", exitCode: 130 });
    }
    await (await setting({}, ["yes"])).answers.confirmDeletion?.(copy);
  });
});

describe("handle, e-mail address and invite code", () => {
  const handle = { current: "alice.old.example", did, keep: false, domains: [".new.example"] };

  test("are taken from what was given", async () => {
    const { answers } = await setting({ newHandle: "a.new.example", newEmail: "a@b.example", inviteCode: "i-1" }, []);
    expect(await answers.targetHandle(handle)).toBe("a.new.example");
    expect(await answers.targetEmail({ current: "old@b.example" })).toBe("a@b.example");
    expect(await answers.inviteCode({ host: "https://new.example" })).toBe("i-1");
  });

  test("are asked for again with the reason, when what was given was refused", async () => {
    const { answers, asked, streams } = await setting(
      { newHandle: "taken.new.example", newEmail: "bad", inviteCode: "used" },
      ["free.new.example", "good@b.example", "fresh"],
    );
    expect(await answers.targetHandle({ ...handle, reason: "It is taken." })).toBe("free.new.example");
    expect(await answers.targetEmail({ reason: "It is no address." })).toBe("good@b.example");
    expect(await answers.inviteCode({ host: "https://new.example", reason: "It was used." })).toBe("fresh");
    expect(streams.stderr()).toBe(
      "That did not work: It is taken.\nThat did not work: It is no address.\nThat did not work: It was used.\n",
    );
    expect(asked.map((question) => question.suggestion)).toEqual(["alice.new.example", undefined, undefined]);
  });

  test("a suggestion stays after another answer was refused, and goes once it was refused itself", async () => {
    const { answers, asked } = await setting({}, ["maybe", "alice.new.example", "free.new.example"]);
    await answers.targetHandle(handle);
    await answers.targetHandle({ ...handle, reason: "It is none." });
    await answers.targetHandle({ ...handle, reason: "It is taken." });
    const suggestion = "alice.new.example";
    expect(asked.map((question) => question.suggestion)).toEqual([suggestion, suggestion, undefined]);
  });

  test("a person gets a suggestion", async () => {
    const { answers, asked } = await setting({}, ["x.new.example", "y@b.example"]);
    await answers.targetHandle(handle);
    await answers.targetEmail({ current: "old@b.example" });
    expect(asked.map((question) => question.suggestion)).toEqual(["alice.new.example", "old@b.example"]);
  });

  test("where nobody can be asked, the missing flag is named; the known address is used again", async () => {
    const { answers } = await setting();
    await expect(answers.targetHandle(handle)).rejects.toMatchObject(hint("--new-handle, or NEW_ACCOUNT_HANDLE"));
    await expect(answers.targetEmail({})).rejects.toMatchObject(hint("--new-email, or NEW_ACCOUNT_EMAIL"));
    await expect(answers.inviteCode({ host: "https://new.example" })).rejects.toMatchObject(hint("--invite-code"));
    expect(await answers.targetEmail({ current: "old@b.example" })).toBe("old@b.example");
  });

  test("with --yes the known address is used without a question", async () => {
    const { answers, asked } = await setting({ yes: true }, []);
    expect(await answers.targetEmail({ current: "old@b.example" })).toBe("old@b.example");
    expect(asked).toEqual([]);
  });
});

describe("passwords and codes", () => {
  test("say for which account and server", async () => {
    const { answers, asked } = await setting({}, ["secret-1", "secret-2", "secret-2", "code"]);
    expect(await answers.sourcePassword({ handle: "alice.example", host: "https://old.example" })).toBe("secret-1");
    const target = { handle: "alice.example", host: "https://new.example" };
    expect(await answers.targetPassword({ ...target, isNew: true })).toBe("secret-2");
    expect(await answers.plcToken({ email: "a@b.example" })).toBe("code");
    expect(asked.map((question) => question.message)).toEqual([
      "Password of alice.example at your old server, old.example:",
      "New password for alice.example at your new server, new.example:",
      "The same password once more:",
      "Code from the mail:",
    ]);
    expect(asked.at(-1)?.lead).toContain("to a@b.example");
  });

  test("a new password that is typed in two ways is asked for anew, both times", async () => {
    const target = { handle: "alice.example", host: "https://new.example", isNew: true };
    const { answers, asked } = await setting({}, ["secret-1", "secret-2", "secret-2", "secret-2"]);
    expect(await answers.targetPassword(target)).toBe("secret-2");
    expect(asked.map(({ message }) => message)).toEqual([
      "New password for alice.example at your new server, new.example:",
      "The same password once more:",
      "The two were not the same. New password for alice.example at your new server, new.example:",
      "The same password once more:",
    ]);
  });

  test("the password of an account that exists is asked for once, a new one twice", async () => {
    const target = { handle: "alice.example", host: "https://new.example" };
    const existing = await setting({}, ["secret"]);
    expect(await existing.answers.targetPassword(target)).toBe("secret");
    expect(existing.asked.map(({ message }) => message)).toEqual([
      "Password of alice.example at your new server, new.example:",
    ]);
    const fresh = await setting({}, ["secret", "secret"]);
    await fresh.answers.targetPassword({ ...target, isNew: true });
    expect(fresh.asked).toHaveLength(2);
  });

  test("can be asked for again only where a person is", async () => {
    expect((await setting({}, [])).answers.canAskAgain).toBe(true);
    expect((await setting()).answers.canAskAgain).toBe(false);
  });
});

test("a copy is replaced once a person says yes; a flag has said it where nobody can be asked", async () => {
  const of = { host: "https://new.example", changes: { added: 0, changed: 0, removed: 1, records: [] } };
  await (await setting()).answers.confirmReplacement?.(of);
  const { answers, asked } = await setting({}, ["no", "yes"]);
  await expect(answers.confirmReplacement?.(of)).rejects.toMatchObject({ code: "interrupted" });
  await answers.confirmReplacement?.(of);
  expect(asked[0]?.message).toBe("Type yes to replace what new.example has, or nothing to stop here:");
});

test("a proof that comes later is agreed to by the name of the server, and --yes is none", async () => {
  const of = { host: "new.example" };
  const yes = await setting({ yes: true });
  await expect(yes.answers.agreeToLateProof?.(of)).rejects.toMatchObject({
    code: "input-needed",
    message: expect.stringContaining("new.example") as string,
    hint: expect.stringContaining("--prove-after-activation") as string,
  });
  const { answers, streams } = await setting({ yes: true }, ["", "yes", "New.Example"]);
  for (const _ of ["", "yes"]) {
    await expect(answers.agreeToLateProof?.(of)).rejects.toMatchObject({ code: "interrupted", exitCode: 130 });
  }
  expect(streams.stderr()).toContain("decamp plc undo");
  await answers.agreeToLateProof?.(of);
});
