/**
 * Loaded before a program: when that ends, the files that it has imported, and the modules of Node.js that it has
 * loaded, are written to the file that LOADED_LIST names.
 */
import { writeFileSync } from "node:fs";
import { registerHooks } from "node:module";

export interface Loaded {
  readonly files: readonly string[];
  readonly modules: readonly string[];
}

const files: string[] = [];
registerHooks({
  resolve(specifier, context, next) {
    const resolved = next(specifier, context);
    files.push(resolved.url);
    return resolved;
  },
});
process.on("exit", () => {
  // What Node.js has loaded has no better name.
  const { moduleLoadList } = process as unknown as { moduleLoadList: readonly string[] };
  const modules = moduleLoadList.flatMap((line) => /^NativeModule (.*)$/.exec(line)?.[1] ?? []);
  const loaded: Loaded = { files, modules };
  writeFileSync(process.env["LOADED_LIST"] ?? "", JSON.stringify(loaded));
});
