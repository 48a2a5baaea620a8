/**
 * The keychain of the operating system: Keychain on macOS, Credential Manager on Windows, the Secret Service elsewhere.
 * The module for it is optional, and loaded when a key is asked for. On Linux the store is named: left to itself the
 * module would fall back to the kernel's keyring, which forgets everything at the next reboot.
 */
import type { AsyncEntry } from "@napi-rs/keyring";
import { DecampError, isDecampError } from "../../errors.ts";

/** The name under which entries stand there. */
const service = "decamp";

/** The system may ask the person to unlock the keychain, who may be away. Milliseconds. */
const patience = 120_000;

/** The keychain of the system. */
export interface Keychain {
  /**
   * The secret that is kept under a name, or undefined.
   *
   * @throws DecampError `no-keychain` if there is none, or it stays locked; `interrupted`
   */
  find(name: string, signal: AbortSignal): Promise<string | undefined>;
  /** Keeps a secret; replaces what is there under this name. Throws as `find`. */
  keep(name: string, secret: string, signal: AbortSignal): Promise<void>;
}

/** The keychain of this system. */
export function createKeychain(): Keychain {
  return {
    find: async (name, signal) => withEntry(name, signal, async (entry) => (await entry.getPassword()) ?? undefined),
    keep: async (name, secret, signal) => withEntry(name, signal, async (entry) => entry.setPassword(secret)),
  };
}

async function withEntry<T>(name: string, signal: AbortSignal, work: (entry: AsyncEntry) => Promise<T>): Promise<T> {
  const stop = AbortSignal.any([signal, AbortSignal.timeout(patience)]);
  const stopped = Promise.withResolvers<never>();
  const onStop = (): void => stopped.reject(new Error("it did not answer in time"));
  stop.addEventListener("abort", onStop, { once: true });
  try {
    stop.throwIfAborted();
    const keyring = await import("@napi-rs/keyring");
    const entry = new keyring.AsyncEntry(service, name, { linux: { store: "secret-service" } });
    // Waits in a thread of its own, which cannot be called back.
    return await Promise.race([work(entry), stopped.promise]);
  } catch (cause) {
    if (signal.aborted) {
      throw new DecampError("interrupted", "Interrupted.");
    }
    // The executable has no such module, and says so itself.
    if (isDecampError(cause)) {
      throw cause;
    }
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DecampError("no-keychain", "This machine has no keychain that can be used.", { data: { reason }, cause });
  } finally {
    stop.removeEventListener("abort", onStop);
  }
}
