/** What an account is called in the open: it is shown, whatever was typed for a secret by mistake. */
import type { KnownSecrets } from "../data/known-secrets.ts";
import type { Answers } from "../migration/answers.ts";

/** A DID, a handle or a host, perhaps within an address, or an e-mail address. */
const shape =
  /^(?:did:(?:plc|web):[\w.:%-]+|(?:at:\/\/|https?:\/\/|[^\s@]+@)?(?:[a-z0-9-]+\.)+[a-z][a-z0-9-]*(?::\d+)?)$/i;

/**
 * Has the names among the texts of a value shown. It is for what was given openly, and for what an identity or a server
 * says of the account; never for an answer to a question about a secret.
 */
export function allowNames(secrets: KnownSecrets, value: unknown): void {
  if (typeof value === "string") {
    if (shape.test(value.trim())) {
      secrets.allow(value.trim().replace(/^[a-z]+:\/\//i, ""));
    }
  } else if (typeof value === "object" && value !== null) {
    for (const item of Object.values(value)) {
      allowNames(secrets, item);
    }
  }
}

/** Answers that have the names shown that they are asked about; of what they answer, a handle and an e-mail address. */
export function allowingNames<T extends Partial<Answers>>(secrets: KnownSecrets, answers: T): T {
  const heard = answersIn(secrets, answers);
  const { targetHandle, targetEmail } = heard;
  const told =
    <Of>(ask: (of: Of) => Promise<string>) =>
    async (of: Of): Promise<string> => {
      const answer = await ask(of);
      allowNames(secrets, answer);
      return answer;
    };
  return {
    ...heard,
    ...(targetHandle === undefined ? {} : { targetHandle: told(targetHandle) }),
    ...(targetEmail === undefined ? {} : { targetEmail: told(targetEmail) }),
  };
}

function answersIn<T extends object>(secrets: KnownSecrets, answers: T): T {
  const heard = { ...answers };
  const entries: readonly (readonly [string, unknown])[] = Object.entries(answers);
  for (const [name, answer] of entries) {
    if (typeof answer === "function") {
      const ask = (...of: readonly unknown[]): unknown => {
        allowNames(secrets, of);
        return Reflect.apply(answer, undefined, of);
      };
      Object.assign(heard, { [name]: ask });
    } else if (typeof answer === "object" && answer !== null) {
      Object.assign(heard, { [name]: answersIn(secrets, answer) });
    }
  }
  return heard;
}
