/** `decamp verify`: proves a repository, and says what is wrong with it. */
import { DecampError } from "../../errors.ts";
import { repoLimits } from "../../repo/limits.ts";
import type { Expectation } from "../../repo/verify.ts";
import type { Edge, Invocation } from "../command.ts";
import { readGlobals } from "../globals.ts";
import { openInput } from "../inputs/repo-input.ts";
import { readLimits } from "../limit-flags.ts";
import { stoppable } from "../talk/signals.ts";
import type { VerifyFlags } from "./declare.ts";

/**
 * Runs `decamp verify`. Exit code 3 if one of the three answers is bad; of a folder of archives, if that is so of one.
 */
export async function verifyCommand(
  { args, flags, globals: raw }: Invocation<VerifyFlags>,
  { terminal }: Edge,
): Promise<number> {
  const globals = readGlobals(raw, terminal.env);
  const [path = ""] = args;
  const all = readLimits(globals.limit);
  const limits = repoLimits(all);
  const expectation = await readExpectation(flags);
  const isDirectory = await isFolder(path);
  // The code for archives is loaded only for a folder.
  const isMany = isDirectory && (await (await import("../../archive/archives.ts")).holdsArchives(path));
  if (isMany && (flags.did !== undefined || flags.signingKey !== undefined)) {
    throw new DecampError("usage", "--did and --signing-key are about one account, and this is a folder of archives.", {
      hint: "Give the archive of the account.",
    });
  }
  if (!isMany && flags.sample !== undefined) {
    if (path !== "-" && !(await (await import("../../services/disk/hash-file.ts")).isNoFolder(path))) {
      // Before the first export there is nothing yet, and nothing is proved to its end.
      await (await import("../../archive/no-archive.ts")).refuseEmpty(path);
    }
    throw new DecampError("usage", "--sample is about a folder of archives.", {
      hint: `Leave it out: ${path === "-" ? "what comes" : path} is proved to its end.`,
    });
  }
  return stoppable(
    async (signal) => {
      const run = { raw, globals };
      const setting = { flags, all, limits, globals, terminal, signal };
      if (isMany) {
        return (await import("./prove.ts")).proveMany(path, expectation, run, setting);
      }
      if (isDirectory) {
        return (await import("./prove.ts")).proveArchive(path, expectation, run, setting);
      }
      // What cannot be opened needs no proof, nor the code for it.
      const input = await openInput(path, terminal, { signal, limits: all, passesOver: true });
      return (await import("./prove.ts")).proveInput(input, expectation, run, setting);
    },
    () => undefined,
  );
}

async function isFolder(path: string): Promise<boolean> {
  return path !== "-" && (await import("../../services/disk/hash-file.ts")).isFolder(path);
}

async function readExpectation({ did, signingKey, allowPartial }: VerifyFlags): Promise<Expectation> {
  return {
    now: Date.now(),
    ...(did === undefined ? {} : { did }),
    ...(signingKey === undefined ? {} : { signingKeys: [(await import("../did-key.ts")).requireDidKey(signingKey)] }),
    ...(allowPartial === undefined ? {} : { allowPartial }),
  };
}
