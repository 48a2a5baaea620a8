/**
 * A machine on which the blocks of a page are run: a folder with what stands in `/usr/local/bin`, `/etc` and so on, and
 * one table that says what is there in the place of what stands on the page.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const root: string = fileURLToPath(new URL("../../..", import.meta.url));

/** How a command ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Command {
  readonly env: Readonly<NodeJS.ProcessEnv>;
  /** The folder of the machine's user unless given. */
  readonly cwd?: string;
  /** What stands on its standard input; nothing unless given. */
  readonly input?: string | undefined;
}

export interface Machine extends Disposable {
  /** The place of an absolute path of the machine. */
  readonly at: (place: string) => string;
  /** A text of the page, as it is for this machine. */
  readonly fill: (text: string) => string;
  /** Writes a file of the page: `name` as it stands there. @returns its place */
  readonly put: (name: string, text: string, mode?: number) => string;
  /** Runs a program, with no other environment than what is given. */
  readonly run: (program: string, args: readonly string[], command: Command) => Promise<Ended>;
}

/**
 * @param stands what stands on the page → what it is here
 * @param env what `decamp` and `node` find in their environment beside what they are given: how names lead to servers
 */
export function startMachine(stands: Readonly<Record<string, string>>, env: Readonly<NodeJS.ProcessEnv>): Machine {
  const folder = mkdtempSync(path.join(tmpdir(), "decamp-machine-"));
  const at = (place: string): string => path.join(folder, place);
  const places = ["/usr/local/bin", "/etc/decamp", "/etc/systemd/system", "/srv/backup", "/home"];
  places.forEach((place) => mkdirSync(at(place), { recursive: true }));
  const table = Object.entries({
    ...stands,
    ...Object.fromEntries(places.map((place) => [place, at(place)] as const)),
  });
  const fill = (text: string): string => table.reduce((found, [on, here]) => found.replaceAll(on, here), text);
  const put: Machine["put"] = (name, text, mode = 0o644) => {
    const place = name.startsWith("/") ? at(name) : path.join(at("/home"), name);
    mkdirSync(path.dirname(place), { recursive: true });
    writeFileSync(place, text, { mode });
    chmodSync(place, mode);
    return place;
  };
  const exported = Object.entries(env).map(([name, value]) => `export ${name}='${value}'\n`);
  const node = process.env["DECAMP_NODE"] ?? process.execPath;
  put("/usr/local/bin/node", `#!/bin/sh\n${exported.join("")}exec ${node} "$@"\n`, 0o755);
  put("/usr/local/bin/decamp", `#!/bin/sh\nexec node ${path.join(root, "bin/decamp.js")} "$@"\n`, 0o755);
  return {
    at,
    fill,
    put,
    run: async (program, args, { env: own, cwd = at("/home"), input }) => {
      const child = spawn(program, args, { cwd, env: own, stdio: ["pipe", "pipe", "pipe"] });
      const texts = { stdout: "", stderr: "" };
      for (const name of ["stdout", "stderr"] as const) {
        child[name].setEncoding("utf8").on("data", (text: string) => (texts[name] += text));
      }
      child.stdin.on("error", () => undefined).end(input ?? "");
      const [code] = (await once(child, "close")) as [number | null];
      return { code, ...texts };
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Where programs are found, with those of the machine first. */
export function pathOf(machine: Machine): string {
  return `${machine.at("/usr/local/bin")}:/usr/bin:/bin`;
}
