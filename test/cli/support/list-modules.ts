/** Loaded before a program: writes the address of every module that it resolves to the file that MODULE_LIST names. */
import { appendFileSync } from "node:fs";
import { registerHooks } from "node:module";

const list = process.env["MODULE_LIST"] ?? "";
registerHooks({
  resolve(specifier, context, next) {
    const resolved = next(specifier, context);
    appendFileSync(list, `${resolved.url}\n`);
    return resolved;
  },
});
