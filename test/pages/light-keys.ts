/**
 * Loaded before decamp: key files are encrypted at little cost. Real ones are made so that to guess a passphrase takes
 * long, which is a second or more each time, and of no interest on a page.
 */
import { registerHooks } from "node:module";

registerHooks({
  load(url, context, next) {
    const loaded = next(url, context);
    if (!url.endsWith("/age-encryption/dist/index.js")) {
      return loaded;
    }
    const before = typeof loaded.source === "string" ? loaded.source : new TextDecoder().decode(loaded.source);
    const source = before.replace("this.scryptWorkFactor = logN;", "this.scryptWorkFactor = 4;");
    if (source === before) {
      throw new Error(`${url} has changed: the cost of a key file is set elsewhere`);
    }
    return { ...loaded, source };
  },
});
