/** What a server means that does not say RepoNotFound of an account that it does not have. */
import { expect, test } from "vitest";
import { DecampError } from "../../src/errors.ts";
import { askRepoStatus, nobodysDid, type RepoStatus } from "../../src/services/servers/repo-status.ts";

const did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";
/** What a server says that names the account. */
const says = (whose: string): DecampError => refusal(404, "NotFound", `no repo for ${whose}`);
const other = "did:plc:44ybard66vv44zksje25o7dz";
const active: RepoStatus = { active: true };

/** A refusal as a session makes it of an answer. */
function refusal(status: number, error?: string, detail?: string): DecampError {
  const data = { host: "pds.example.com", status, error, detail };
  return new DecampError(error === undefined ? "bad-answer" : "server-refused", "It was refused.", { data });
}

/** What the server answers, by whom it is asked about; a list is gone through, and its last one stays. */
type Script = Readonly<Record<string, readonly (RepoStatus | DecampError)[]>>;

async function ask(script: Script, listed?: string): Promise<{ said: unknown; asked: string[] }> {
  const asked: string[] = [];
  const said = await askRepoStatus(
    {
      status: async (whose) => {
        const answers = script[whose] ?? [];
        const answer = answers[Math.min(asked.filter((one) => one === whose).length, answers.length - 1)];
        asked.push(whose);
        return answer instanceof DecampError || answer === undefined
          ? Promise.reject(answer ?? new Error("nobody asks this"))
          : Promise.resolve(answer);
      },
      anyAccount: async () =>
        listed === "" ? Promise.reject(refusal(500, "InternalServerError")) : Promise.resolve(listed),
    },
    did,
    undefined,
  ).catch((error: unknown) => error);
  return { said, asked };
}

test("what it says of the account is believed, and nothing else is asked", async () => {
  expect(await ask({ [did]: [active] })).toEqual({ said: active, asked: [did] });
  expect(await ask({ [did]: [refusal(400, "RepoNotFound")] })).toEqual({ said: "absent", asked: [did] });
});

test("not found, or a failure, as of nobody is absent where the method works for another account", async () => {
  for (const error of [refusal(404, "NotFound", "not found"), refusal(500, "InternalServerError"), refusal(500)]) {
    const script = { [did]: [error], [nobodysDid]: [error], [other]: [active] };
    expect(await ask(script, other)).toEqual({ said: "absent", asked: [did, nobodysDid, other] });
  }
});

test("the DIDs in what it says make no difference", async () => {
  const script = { [did]: [says(did)], [nobodysDid]: [says(nobodysDid)], [other]: [active] };
  expect((await ask(script, other)).said).toBe("absent");
});

test("the same answer for all is unsaid where nothing shows that the method works", async () => {
  const error = refusal(500, "InternalServerError");
  const script = { [did]: [error], [nobodysDid]: [error], [other]: [error] };
  for (const listed of [undefined, "", other]) {
    expect((await ask(script, listed)).said).toEqual({ unsaid: error });
  }
});

test("a server that may hide accounts like that, or has no such method, leaves it unsaid", async () => {
  for (const error of [refusal(400, "InvalidRequest"), refusal(501, "MethodNotImplemented"), refusal(404)]) {
    const script = { [did]: [error], [nobodysDid]: [error], [other]: [active] };
    expect((await ask(script, other)).said).toEqual({ unsaid: error });
  }
});

test("a failure that is not the answer for nobody may pass: it is asked again", async () => {
  const failure = refusal(500, "InternalServerError");
  const script = { [did]: [failure, active], [nobodysDid]: [refusal(400, "RepoNotFound")] };
  expect((await ask(script)).said).toEqual(active);
  const gone = { [did]: [failure, refusal(400, "RepoNotFound")], [nobodysDid]: [refusal(400, "RepoNotFound")] };
  expect((await ask(gone)).said).toBe("absent");
});

test("a refusal that is about this account is thrown as it is", async () => {
  const error = refusal(403, "Forbidden", "not for you");
  const script = { [did]: [error], [nobodysDid]: [refusal(400, "RepoNotFound")] };
  expect(await ask(script)).toEqual({ said: error, asked: [did, nobodysDid] });
});
