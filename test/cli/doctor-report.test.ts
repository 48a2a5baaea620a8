/** What the doctor's report leaves out, and a watch that outlasts what passes. */
import { expect, test } from "vitest";
import { lookUntilWell, type Found } from "../../src/cli/doctor/look-over.ts";
import { withoutNames, withoutSpeech } from "../../src/cli/doctor/nameless-report.ts";
import { DecampError } from "../../src/errors.ts";

const key = "did:key:zQ3shXjHeiBuRCKmM36cuYnm7YEMzhGnCmCyW92sRJ9pribSF";

test.each([
  [
    "pds.example.com answered 400 InvalidRequest to com.atproto.x.y: User Bob Smith, tel +49-170-1234567.",
    "Bob",
    "400",
  ],
  ["Not known: pds.example.com answered 400 Bob Smith +49 to com.atproto.x.y: no.", "Bob", "answered 400"],
  ["view.example.com shows no profile of the account: Bob Smith left.", "Bob", "no profile"],
  ["pds.example.com refuses the sign-in: Bob Smith is away.", "Bob", "refuses the sign-in"],
])("what a server said in its own words is left out: %s", (message, secret, kept) => {
  expect(withoutSpeech(message)).not.toContain(secret);
  expect(withoutSpeech(message)).toContain(kept);
});

test("what decamp says itself stays", () => {
  const message = "Whether the blobs are there is not known: pds.example.com did not answer.";
  expect(withoutSpeech(message)).toBe(message);
  expect(withoutSpeech("pds.example.com answered 500 InternalServerError to com.atproto.x.y.")).toContain(
    "500 Internal",
  );
});

test("names, addresses, times and revisions are no way back to the account", () => {
  const text = `http://[::1]:8080 [2001:db8::17]:443 bob.smith@mail.example.com 2026-01-05T12:34:56.789Z 3n3jcgvu4xx2t ${key}`;
  const clean = withoutNames(`${text} ${key.slice(0, 16)}…${key.slice(-6)}`);
  expect(clean).toBe("http://HOST-1 HOST-2 EMAIL-1 2026-01-05T12:34Z REVISION-1 KEY-1 KEY-1");
});

const well: Found = { checks: [{ id: "home", state: "ok", message: "fine" }], ok: true };

/** A watch whose looks end like this, one after the other. */
async function watched(...looks: (Found | DecampError)[]) {
  const failures: string[] = [];
  let now = 0;
  const services = {
    now: () => now,
    sleep: async (milliseconds: number) => {
      now += milliseconds;
      return Promise.resolve();
    },
  };
  const look = async (): Promise<Found> => {
    const next = looks.shift() ?? well;
    return next instanceof DecampError ? Promise.reject(next) : Promise.resolve(next);
  };
  const told = { onChange: () => undefined, onFailure: ({ code }: DecampError) => void failures.push(code) };
  const found = await lookUntilWell(look, services, new AbortController().signal, told);
  return { found, failures, left: looks.length };
}

test("a watch goes on where the directory is away, and not where the account is none", async () => {
  const away = new DecampError("unreachable", "away");
  const odd = new DecampError("bad-answer", "502");
  expect(await watched(away, odd, well)).toMatchObject({
    found: well,
    failures: ["unreachable", "bad-answer"],
    left: 0,
  });
  await expect(watched(new DecampError("account-not-found", "none"))).rejects.toMatchObject({
    code: "account-not-found",
  });
});

test("a watch ends after a day with what it saw last", async () => {
  const away = Array.from({ length: 3000 }, () => new DecampError("unreachable", "away"));
  await expect(watched(...away)).rejects.toMatchObject({ code: "unreachable" });
});
