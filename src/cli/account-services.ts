/** The services for work on an identity, as the flags and the environment have them. */
import type { AccountServices } from "../account/services.ts";
import { parseServerUrl } from "../identity/addresses.ts";
import { fetchWebDocument } from "../services/servers/did-web.ts";
import { Pds } from "../services/servers/pds.ts";
import { createPlcDirectory } from "../services/servers/plc-directory.ts";
import { createHandleResolver } from "../services/servers/resolver.ts";
import { createSeenHeads } from "../services/disk/seen-heads.ts";
import type { Http } from "../services/http/http.ts";
import { pause } from "../services/wait.ts";
import type { GlobalFlags } from "./globals.ts";
import { openHttp } from "./open-http.ts";
import type { Terminal } from "./talk/terminal.ts";

export interface OpenServices {
  readonly services: AccountServices;
  readonly http: Http;
  /** Closes connections; to be called when the work is over. */
  readonly close: () => void;
}

/** @throws DecampError `invalid-url`, `insecure-url` for the address of the directory */
export function openAccountServices(globals: GlobalFlags, terminal: Terminal): OpenServices {
  const plcUrl = parseServerUrl(globals.plcUrl, globals);
  const http = openHttp(globals, terminal);
  return {
    services: {
      // The one gate: an address may come from a document, a log or a journal, and is judged like one that was typed.
      openPds: (origin) => new Pds(http, parseServerUrl(origin, globals)),
      directory: createPlcDirectory(http, plcUrl),
      webDocument: async (did, signal) => fetchWebDocument(http, did, signal),
      handles: createHandleResolver(http),
      heads: createSeenHeads(globals.stateDir),
      now: () => Date.now(),
      clockOffset: (origin) => http.clocks.offset(origin),
      sleep: pause,
    },
    http,
    close: () => http.close(),
  };
}
