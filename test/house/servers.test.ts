/** There is one way to call a server: nobody opens a connection, sends a request or reads an answer beside it. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const src = fileURLToPath(new URL("../../src", import.meta.url));
const files = readdirSync(src, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .map((name) => ({ name, text: withoutComments(readFileSync(path.join(src, name), "utf8")) }));

function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/(^|\s)\/\/.*$/gm, "$1");
}

test.each<[string, RegExp, readonly string[]]>([
  ["opens a connection", /from "node:(?:https?|http2)"|import\("node:http/, ["services/http/connections.ts"]],
  // The second one for pipes that a path leads to: it connects to nobody.
  ["opens a socket", /"node:(?:net|tls|dgram)"/, ["services/http/connections.ts", "services/disk/incoming.ts"]],
  ["connects a socket by hand", /\bconnect\(/, []],
  ["fetches", /(?<![#.\w])fetch\(|\bglobalThis\.fetch\b|\bundici\b/, []],
  ["loads the package with the lexicons", /"@atproto\/api"/, ["services/servers/xrpc.ts"]],
  [
    "sends a request",
    /\bhttp\.send\(/,
    [
      "services/http/redirects.ts",
      ...["did-web", "plc-directory", "plc-export", "resolver", "session"].map((name) => `services/servers/${name}.ts`),
    ],
  ],
  [
    "opens a session",
    /\bnew PinnedSession\(/,
    ["services/servers/app-view.ts", "services/servers/pds.ts", "services/servers/relay.ts"],
  ],
  [
    "calls a method",
    /\bnew Xrpc\(/,
    ["services/servers/app-view.ts", "services/servers/pds.ts", "services/servers/relay.ts"],
  ],
  ["follows a redirect", /\bfollowRedirects\(/, ["services/http/redirects.ts", "services/servers/session.ts"]],
  ["says that a server may lead elsewhere", /\bmayLeadElsewhere: true/, ["services/servers/pds.ts"]],
  ["decides that a method is missing", /\bMethodNotImplemented\b/, ["services/servers/missing-method.ts"]],
])("who %s", (_, pattern, allowed) => {
  expect(files.length).toBeGreaterThan(200);
  expect(
    files
      .filter(({ text }) => pattern.test(text))
      .map(({ name }) => name)
      .sort(),
  ).toEqual([...allowed].sort());
});
