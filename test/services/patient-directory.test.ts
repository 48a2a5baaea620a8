/** When a directory counts as one that does not answer, so that its failures are one error and not one an account. */
import { expect, test } from "vitest";
import { DecampError, type ErrorCode } from "../../src/errors.ts";
import { withPatience, type PatientDirectory } from "../../src/services/servers/patient-directory.ts";

const minute = 60_000;
const { signal } = new AbortController();
const failure = (code: ErrorCode, status?: number): DecampError => new DecampError(code, "No.", { data: { status } });

/** A directory that says of each account what is given, and how often it was asked. */
function directory(said: Record<string, DecampError | "a log">): {
  readonly patient: PatientDirectory;
  readonly ask: (did: string) => Promise<unknown>;
  readonly asked: string[];
  pass: (milliseconds: number) => void;
} {
  let now = 0;
  const asked: string[] = [];
  const answer = async (did: string): Promise<string> => {
    asked.push(did);
    const what = said[did] ?? "a log";
    if (what instanceof DecampError) {
      throw what;
    }
    return Promise.resolve(what);
  };
  const inner = {
    origin: "https://plc.example.com",
    auditLog: answer,
    document: answer,
    submit: async () => undefined,
  };
  const exported = async (): Promise<undefined> => answer("export").then(() => undefined);
  const patient = withPatience({ ...inner, exported }, () => now);
  const ask = async (did: string): Promise<unknown> =>
    patient.auditLog(did, signal).catch((error: unknown) => (error === patient.silence ? "silence" : error));
  return { patient, ask, asked, pass: (milliseconds) => (now += milliseconds) };
}

test.each<[string, DecampError]>([
  ["nobody is reached", failure("unreachable")],
  ["a proxy has lost it", failure("server-refused", 502)],
  ["a proxy waits for it in vain", failure("server-refused", 504)],
  ["it takes no more requests", failure("rate-limited", 429)],
])("%s: nobody else asks for a minute", async (_, error) => {
  const { ask, asked, pass } = directory({ a: error });
  expect([await ask("a"), await ask("b")]).toEqual(["silence", "silence"]);
  pass(minute);
  expect(await ask("b")).toBe("a log");
  expect(asked).toEqual(["a", "b"]);
});

test.each([failure("server-refused", 500), failure("server-refused", 403), failure("bad-answer")])(
  "what may be about one account is the directory's from the third one in a row: $code $data.status",
  async (error) => {
    const { ask, asked } = directory({ a: error, b: error, c: error, d: error });
    expect([await ask("a"), await ask("a"), await ask("a"), await ask("b"), await ask("z")]).toEqual([
      error,
      error,
      error,
      error,
      "a log",
    ]);
    expect([await ask("a"), await ask("b"), await ask("c"), await ask("d")]).toEqual([
      error,
      error,
      "silence",
      "silence",
    ]);
    expect(asked.join("")).toBe("aaabzabc");
  },
);

test("that it knows none of many accounts is an answer for each; so is a log that is too long", async () => {
  const said = { a: failure("account-not-found"), b: failure("limit-exceeded"), c: failure("account-not-found") };
  const { ask, patient } = directory(said);
  expect([await ask("a"), await ask("b"), await ask("c")]).toEqual([said.a, said.b, said.c]);
  expect(patient.silence).toBeUndefined();
});

test("its list of operations that is not given says nothing of the rest", async () => {
  const { ask, patient } = directory({ export: failure("unreachable") });
  await expect(patient.exported({ time: 0 }, signal)).rejects.toThrow("No.");
  expect(await ask("a")).toBe("a log");
});
