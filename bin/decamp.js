#!/usr/bin/env node
// Says plainly which Node it needs, before anything is loaded that an older one cannot read; and if parts are missing.
const [major = 0, minor = 0, patch = 0] = process.versions.node.split(".").map(Number);
const atLeast = (m, n, p) => major === m && (minor > n || (minor === n && patch >= p));
// For scripts as all errors are: see docs/JSON.md.
const fail = (message, hint) => {
  const error = { type: "error", version: 1, code: "unsupported", message, hint, exitCode: 2 };
  process.stderr.write(`${process.argv.includes("--json") ? JSON.stringify(error) : message}\n`);
  process.exitCode = 2;
};
if (!(atLeast(22, 22, 2) || atLeast(24, 15, 0) || major >= 26)) {
  const message = `decamp needs Node.js 22.22.2, 24.15 or 26 and newer; this is ${process.versions.node}.`;
  fail(message, "Use one of these.");
} else {
  // Syncing a file to the disk occupies one of these threads; four are few where many files come at once.
  process.env.UV_THREADPOOL_SIZE ??= "8";
  const { enableCompileCache } = process.getBuiltinModule("node:module");
  enableCompileCache();
  const loaded = await import("../dist/cli/main.js").catch((error) => {
    if (error?.code !== "ERR_MODULE_NOT_FOUND") {
      throw error;
    }
  });
  if (loaded === undefined) {
    const hint = "In a clone npm ci and npm run build bring them; install a package again.";
    fail(`Parts of decamp are missing in its own folder, or npm is at work there. ${hint}`, hint);
  } else {
    process.exitCode = await loaded.main(process.argv.slice(2));
  }
}
