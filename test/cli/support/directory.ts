/** A PLC directory on loopback that answers what a test puts into it. */
import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import type { Content } from "../../tools/plc.ts";

export interface TestDirectory {
  readonly origin: string;
  /** Flags that lead decamp to it. */
  readonly flags: readonly string[];
  /** Path → what is answered, as JSON. Anything else is 404. */
  readonly answers: Map<string, unknown>;
  /** Path → the status of its answer, in place of 200. */
  readonly statuses: Map<string, number>;
  /** Every path that was asked for. */
  readonly asked: string[];
  stop(): void;
}

export async function startDirectory(): Promise<TestDirectory> {
  const answers = new Map<string, unknown>();
  const statuses = new Map<string, number>();
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? "");
    const answer = answers.get(request.url ?? "");
    response.writeHead(statuses.get(request.url ?? "") ?? (answer === undefined ? 404 : 200), {
      "content-type": "application/json",
    });
    response.end(JSON.stringify(answer ?? { message: "DID not registered" }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    origin,
    flags: ["--plc-url", origin, "--allow-private-hosts"],
    answers,
    statuses,
    asked,
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** The DID document that belongs to an operation. */
export function documentOf(did: string, { alsoKnownAs, services, verificationMethods }: Content): object {
  return {
    id: did,
    alsoKnownAs,
    verificationMethod: Object.entries(verificationMethods).map(([id, key]) => ({
      id: `${did}#${id}`,
      type: "Multikey",
      controller: did,
      publicKeyMultibase: key.replace("did:key:", ""),
    })),
    service: Object.entries(services).map(([id, { type, endpoint }]) => ({
      id: `#${id}`,
      type,
      serviceEndpoint: endpoint,
    })),
  };
}
