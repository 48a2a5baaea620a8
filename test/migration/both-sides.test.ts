/** What is added to the error of a move that stops after the identity has changed: no mistake of ours is hidden. */
import { expect, test } from "vitest";
import { DecampError, withStanding } from "../../src/errors.ts";
import { withBothSides } from "../../src/migration/checks/both-sides.ts";
import type { Context } from "../../src/migration/context.ts";

const stopped = withStanding(
  new DecampError("server-refused", "The new server did not activate the account.", { hint: "Ask its operator." }),
  "changed",
  "The identity names the new server.",
);

const server = (name: string): object => ({ origin: `https://${name}.example`, host: `${name}.example` });

/** A move whose servers and directory fail, each time they are asked, with this. */
function failing(error: unknown, signal: AbortSignal = new AbortController().signal): Context {
  const services = new Proxy(
    {},
    {
      get: () => {
        throw error;
      },
    },
  );
  const identity = { did: "did:plc:ewvi7nxzyoun6zhxrhs64oiz" };
  return { services, identity, source: server("old"), target: server("new"), signal } as unknown as Context;
}

test("where nobody answers, the error is as it was", async () => {
  const context = failing(new DecampError("unreachable", "Nobody answers."));
  expect(await withBothSides(context, stopped)).toBe(stopped);
});

test("a mistake of ours is thrown", async () => {
  await expect(withBothSides(failing(new TypeError("a mistake")), stopped)).rejects.toThrow("a mistake");
});
