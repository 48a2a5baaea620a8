/** A move at a real terminal, with the answers typed: what is refused is asked again, and nothing is lost. */
import { writeFile } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import path from "node:path";
import { describe, expect, inject, test } from "vitest";
import { stepTitle } from "../../src/migration/step-ids.ts";
import { onScreen } from "../cli/support/pty.ts";
import { connectNetwork } from "../network/control.ts";
import { addOwnParts } from "../network/identity.ts";
import { createFilled } from "../network/populate.ts";
import { lookBefore, proveMove } from "../network/prove.ts";
import { repoStatus } from "../network/read.ts";
import { prepareMove, runDecamp } from "../network/run-decamp.ts";

const network = connectNetwork(inject("network"));
const bin = new URL("../../bin/decamp.js", import.meta.url);

/** Makes the codes that the old server has mailed twenty minutes old: they are good for fifteen. */
function expireCodes(did: string): void {
  const database = new DatabaseSync(path.join(network.a.dataDirectory, "account.sqlite"));
  try {
    const past = new Date(Date.now() - 20 * 60_000).toISOString();
    const { changes } = database.prepare("update email_token set requestedAt = ? where did = ?").run(past, did);
    expect(changes).toBe(1);
  } finally {
    database.close();
  }
}

test("wrong answers are asked again: the password, the handle, the code", async () => {
  const account = await createFilled(network.a, "typing", { records: 30, blobs: 4, seed: 21 });
  const before = await lookBefore(network.plcUrl, account);
  const leftOut = [
    "--password-file",
    "--new-password-file",
    "--new-handle",
    "--new-email",
    "--plc-token-command",
    "--confirm-did",
  ];
  const move = await prepareMove(network, account, network.b, leftOut);
  const started = Date.now();
  const screen = onScreen(
    bin,
    move.args.filter((arg) => arg !== "--no-input"),
  );

  await screen.answers("Your handle on the new server", "\u0015x.b.test\r"); // one letter: too short
  await screen.shows("That did not work:");
  await screen.shows("3 to 18 letters");
  // What is typed before a question stands there is dropped: so wait for the question.
  await screen.answers("? Your handle on the new server", "typing.b.test\r");
  await screen.answers("Password of typing.a.test", "not-the-password\r");
  await screen.shows("refuses the sign-in");
  await screen.answers("? Password of typing.a.test", `${account.password}\r`);
  await screen.answers("Your e-mail address on the new server", "\u0015typing@new.example.com\r");
  await screen.answers("New password for typing.b.test", "the-new-password\r");
  await screen.answers("The same password once more", "the-new-password\r");
  await screen.shows("The point of no return");
  await screen.answers("Type the DID", `${account.did}\r`);

  await screen.answers("Code from the mail", "AAAAA-AAAAA\r");
  await screen.shows("is not the right one");
  await screen.shows("? Code from the mail");
  const first = await network.waitForMail({ to: account.email, subject: "PLC Update", after: started });
  expireCodes(account.did);
  const expired = Date.now();
  screen.type(`${first.token ?? ""}\r`);
  await screen.shows("has expired");
  const second = await network.waitForMail({ to: account.email, subject: "PLC Update", after: expired });
  await screen.shows("? Code from the mail");
  expect(second.token).not.toBe(first.token);
  screen.type(`${second.token ?? ""}\r`);
  await screen.answers("Have a code mailed there now, to confirm it?", "no\r");

  expect(await screen.ended).toBe(0);
  const shown = screen.raw();
  for (const secret of [account.password, "the-new-password", "not-the-password"]) {
    expect(shown).not.toContain(secret);
  }
  const checks = await proveMove(network.plcUrl, before, network.b, {
    handle: "typing.b.test",
    password: "the-new-password",
  });
  expect(checks.filter(({ ok }) => !ok)).toEqual([]);
  await move.remove();
});

/** The arguments without a flag and its value. */
const without = (args: readonly string[], ...flags: readonly string[]): string[] =>
  args.filter((arg, index) => !flags.includes(arg) && !flags.includes(args[index - 1] ?? ""));

describe("Ctrl-C at a question after the point of no return", () => {
  test("for the old server: nothing is shown as done, and the same command goes on", async () => {
    const account = await createFilled(network.a, "leaving", { records: 20, blobs: 2, seed: 22 });
    const move = await prepareMove(network, account, network.b);
    expect((await runDecamp([...move.args, "--until", "activate"])).code).toBe(0);
    const args = without(move.args, "--password-file").filter((arg) => arg !== "--no-input");

    const screen = onScreen(bin, args);
    await screen.answers("Password of leaving.a.test", "\u0003");
    expect(await screen.ended).toBe(130);
    const lines = screen.lines();
    const title = stepTitle("deactivate-source");
    expect(lines.filter((line) => /^[✔!–] /.test(line) && line.includes(title))).toEqual([]);
    expect(lines.join("\n")).not.toMatch(/could not be deactivated|Warning|Error/);
    expect(lines.join("").replaceAll(" ", "")).toContain(`decampmigrate${account.handle}`);
    expect(await repoStatus({ url: network.a.url, did: account.did })).toBe("active");

    // Whoever cannot be asked is told, and sees that it was not done.
    const quiet = await runDecamp([...args, "--no-input"]);
    expect(quiet.code).toBe(8);
    expect(quiet.stderr).toContain("deactivate-source: not done");
    expect(quiet.stderr).not.toContain("deactivate-source: done");

    expect((await runDecamp(move.args)).code).toBe(0);
    expect(await repoStatus({ url: network.a.url, did: account.did })).toBe("deactivated");
    await move.remove();
  });

  test("for the new server, in plc undo", async () => {
    const account = await createFilled(network.a, "turning", { records: 20, blobs: 2, seed: 23 });
    const key = await addOwnParts(network, account);
    const move = await prepareMove(network, account, network.b);
    expect((await runDecamp(move.args)).code).toBe(0);
    const keyFile = path.join(move.folder, "key");
    await writeFile(keyFile, key.privateKeyHex, { mode: 0o600 });
    const answers = { "--rotation-key-file": keyFile, "--password-file": path.join(move.folder, "old") };
    const where = { "--from": network.a.url, "--plc-url": network.plcUrl, "--state-dir": move.stateDir };
    const flags = Object.entries({ ...answers, ...where, "--confirm-did": account.did }).flat();
    const undo = ["plc", "undo", account.did, ...flags, "--allow-private-hosts"];
    const screen = onScreen(bin, undo);
    await screen.answers("your new server", "\u0003");
    expect(await screen.ended).toBe(130);
    const shown = screen.lines().join("\n");
    expect(shown).not.toMatch(/is still active|lives at|Warning/);
    expect(shown.replaceAll(/\s/g, "")).toContain(`Togoonfromhere,run:decampplcundo${account.did}`);

    const { code, stderr } = await runDecamp([...undo, "--new-password-file", path.join(move.folder, "new")]);
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    expect(await repoStatus({ url: network.a.url, did: account.did })).toBe("active");
    expect(await repoStatus({ url: network.b.url, did: account.did })).toBe("deactivated");
    await move.remove();
  });
});
