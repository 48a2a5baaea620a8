/** A name that was typed for a secret by mistake stays readable where decamp says what an account is called. */
import { expect, test } from "vitest";
import { allowingNames, allowNames } from "../../src/cli/open-names.ts";
import type { Answers } from "../../src/migration/answers.ts";
import { openTerminal } from "../../src/cli/talk/terminal.ts";
import { captured } from "./support/streams.ts";

test("names that were given openly, asked about or answered are shown; other secrets are not", async () => {
  const { parts, stderr } = captured({});
  const { err, secrets } = await openTerminal(parts, { noColor: true });
  for (const typed of ["carol.b.test", "bob@mail.example", "did:plc:abc", "old.example.com", "hunter.two", "hunter2"]) {
    secrets.add(typed);
  }
  allowNames(secrets, ["restore", "did:plc:abc", "--to", "https://old.example.com", "hunter2"]);
  const answers = allowingNames<Required<Pick<Answers, "targetHandle" | "emailConfirmation">>>(secrets, {
    targetHandle: async () => Promise.resolve("carol.b.test"),
    emailConfirmation: { isWanted: async () => Promise.resolve(true), code: async () => Promise.resolve("hunter.two") },
  });
  await answers.targetHandle({ current: "carol.a.test", keep: false, domains: [".b.test"] });
  await answers.emailConfirmation.isWanted({ email: "bob@mail.example", host: "https://b.test" });
  await answers.emailConfirmation.code({ email: "bob@mail.example", isAnother: false });
  err.line("Its handle becomes carol.b.test, at://carol.b.test, bob@mail.example");
  err.line("did:plc:abc, https://old.example.com, hunter2 hunter.two");
  expect(stderr()).toBe(
    "Its handle becomes carol.b.test, at://carol.b.test, bob@mail.example\n" +
      "did:plc:abc, https://old.example.com, [secret] [secret]\n",
  );
});
