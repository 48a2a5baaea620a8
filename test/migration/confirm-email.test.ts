/** The offer at the end of a move, and every way to leave it: what real servers answer is in the guided move. */
import { expect, test } from "vitest";
import { DecampError } from "../../src/errors.ts";
import { offerConfirmation } from "../../src/migration/afterwards/confirm-email.ts";
import type { Context } from "../../src/migration/context.ts";
import type { MigrationResult } from "../../src/migration/events.ts";

const email = "alice@new.example.com";
const moved = { state: "moved", handle: "alice.example" } as MigrationResult;
const refusal = new DecampError("plc-token-refused", "The mailed code is not the right one.");

interface Script {
  readonly wanted?: boolean | DecampError;
  readonly codes?: readonly string[];
  /** What the server says before. */
  readonly says?: { email?: string; confirmed?: boolean } | DecampError;
  readonly isSignedIn?: boolean;
  readonly mails?: DecampError;
}

/** Offers it to somebody who answers so; the right code is "good". */
async function offer({
  wanted = true,
  codes = [],
  says = { email, confirmed: false },
  isSignedIn = true,
  mails,
}: Script) {
  const log: string[] = [];
  const typed = codes.values();
  const target = {
    isSignedIn,
    host: "new.example",
    address: async () => (says instanceof DecampError ? Promise.reject(says) : Promise.resolve(says)),
    requestEmailConfirmation: async () => {
      log.push("mail");
      return mails === undefined ? Promise.resolve() : Promise.reject(mails);
    },
    confirmEmail: async (to: string, code: string) => {
      log.push(`${to}: ${code}`);
      return code === "good" ? Promise.resolve() : Promise.reject(refusal);
    },
  };
  const answers = {
    emailConfirmation: {
      isWanted: async () => (wanted instanceof DecampError ? Promise.reject(wanted) : Promise.resolve(wanted)),
      code: async ({ isAnother, again }: { isAnother: boolean; again?: string }) => {
        log.push(`asked${isAnother ? " for another" : ""}${again === undefined ? "" : " again"}`);
        const { value = "skip" } = typed.next();
        return Promise.resolve(value);
      },
    },
  };
  const warnings: { code: string }[] = [];
  const warn = (code: string): void => void warnings.push({ code });
  const context = { target, answers, warnings, warn, signal: new AbortController().signal };
  const result = await offerConfirmation(context as unknown as Context, moved);
  return { log, result, confirmed: result.emailConfirmed, warned: warnings.map(({ code }) => code) };
}

test("a wrong code is asked for again, Enter has another one mailed, and the right one confirms", async () => {
  expect(await offer({ codes: ["bad", "", " good "] })).toMatchObject({
    log: ["mail", "asked", `${email}: bad`, "asked again", "mail", "asked for another", `${email}: good`],
    confirmed: true,
  });
});

test.each([
  ["no", { wanted: false }, []],
  ["the word", { codes: ["Skip"] }, ["mail", "asked"]],
  ["nothing, twice", { codes: ["", ""] }, ["mail", "asked", "mail", "asked for another"]],
  ["Ctrl-C", { wanted: new DecampError("interrupted", "Interrupted.") }, []],
])("left with %s, the move is done all the same", async (_how, script: Script, log) => {
  expect(await offer(script)).toMatchObject({ log, confirmed: false, warned: [] });
});

test.each<[string, Script]>([
  ["confirmed already", { says: { email, confirmed: true } }],
  ["nothing is known", { says: {} }],
  ["no session is there", { isSignedIn: false }],
])("where %s, nobody is asked", async (_why, script) => {
  const { log, confirmed } = await offer({ ...script, codes: ["good"] });
  expect({ log, confirmed }).toEqual({
    log: [],
    confirmed: script.says === undefined || !("confirmed" in script.says) ? undefined : true,
  });
});

test.each<[string, Script]>([
  ["does not say", { says: new DecampError("unreachable", "It does not answer.") }],
  ["mails nothing", { mails: new DecampError("server-refused", "No mail here.") }],
  ["refuses five codes", { codes: ["a", "b", "c", "d", "e"] }],
])("a server that %s is a warning, and the move is done", async (_why, script) => {
  const { result, warned } = await offer(script);
  expect({ result, warned }).toMatchObject({ result: moved, warned: ["email-not-confirmed"] });
});
