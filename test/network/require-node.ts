/** The servers' Node: on an older one their SQLite ends the process with a segmentation fault and no message. */

/** Throws on a Node older than 22. */
export function requireNode(): void {
  const [major = 0] = process.versions.node.split(".").map(Number);
  if (major < 22) {
    throw new Error(
      `The test network needs Node.js 22 or newer; this is ${process.versions.node}. ` +
        "Start it through npm (`npm run network`): npm puts the Node of node_modules first.",
    );
  }
}
