/** The processes that a process has started, and those that they have: to be ended together. */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { parentOfProcess } from "../process-stat.ts";
import { ownRules } from "../system-rules.ts";

/**
 * Asks a process and all below it to end. A process group would be simpler, but one of its own has no terminal, and a
 * command may ask for a PIN there; one that we share would take us along. What the process has started is found by who
 * started it, and on Linux also by a mark in the environment, because whoever has lost its parent is nobody's child.
 *
 * @param mark a variable and its value, which was given to this process only
 */
export function endTree(pid: number, mark: string): void {
  if (!ownRules.sendsSignals) {
    spawnSync("taskkill", ["/pid", String(pid), "/t", "/f"], { stdio: "ignore", windowsHide: true });
    return;
  }
  const told = new Set<number>();
  // What was started while the others were looked for is there at the next look.
  for (let looks = 0; looks < mostLooks; looks += 1) {
    const fresh = [...treeOf(pid, mark)].filter((one) => !told.has(one));
    if (fresh.length === 0) {
      return;
    }
    // The kill of the shell signals all PIDs even if one of them is gone already.
    spawnSync(`kill -TERM ${fresh.join(" ")}`, { shell: true, stdio: "ignore" });
    fresh.forEach((one) => told.add(one));
  }
}

/** Whoever starts more and more, and does not mind being asked to end, is not run after for ever. */
const mostLooks = 10;

/** The process, those below it, and those with the mark. */
function treeOf(root: number, mark: string): Set<number> {
  const parents = readParents();
  const tree = new Set([root]);
  for (const pid of parents.keys()) {
    if (hasMark(pid, mark)) {
      tree.add(pid);
    }
  }
  // A parent may come behind its child: numbers begin anew some time.
  for (let size = 0; size !== tree.size;) {
    ({ size } = tree);
    for (const [pid, parent] of parents) {
      if (tree.has(parent)) {
        tree.add(pid);
      }
    }
  }
  return tree;
}

/** Every process that can be seen, and its parent. */
function readParents(): Map<number, number> {
  if (ownRules.hasProc) {
    const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
    return new Map(pids.map((pid) => [Number(pid), parentOfProcess(Number(pid)) ?? 0]));
  }
  const { stdout } = spawnSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" });
  return new Map(
    stdout
      .split("\n")
      .map((line) => line.trim().split(/\s+/).map(Number))
      .flatMap(([pid, parent]) => (pid === undefined || parent === undefined ? [] : [[pid, parent]])),
  );
}

function hasMark(pid: number, mark: string): boolean {
  try {
    return ownRules.hasProc && readFileSync(`/proc/${pid}/environ`, "latin1").split("\0").includes(mark);
  } catch {
    // Somebody else's.
    return false;
  }
}
