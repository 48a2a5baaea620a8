/**
 * What is true, read where it lies: the databases of the three servers and the log of the directory. No server is
 * asked, so that deactivated accounts and stopped servers can be looked at as well, and nothing of decamp is used.
 */
import { createHash } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { auditLog, type AuditEntry } from "../../network/identity.ts";
import type { PdsHandle } from "../../network/pds.ts";
import { serverNames, type ServerName } from "./actions.ts";

/** The account as one server has it. */
export interface Place {
  state: "absent" | "active" | "deactivated" | "taken-down";
  /** path → CID */
  records: ReadonlyMap<string, string>;
  /** the CIDs of the blobs that lie there */
  blobs: ReadonlySet<string>;
}

export interface World {
  log: readonly AuditEntry[];
  /** the server that the identity names, unless it is another one than the three */
  home: ServerName | undefined;
  /** every server that the log names or has ever named, undone or not */
  lived: ReadonlySet<ServerName>;
  rotationKeys: readonly string[];
  places: Readonly<Record<ServerName, Place>>;
}

export type Servers = Readonly<Record<ServerName, PdsHandle>>;

/** Looks at the account. */
export async function lookAround(plcUrl: string, servers: Servers, did: string): Promise<World> {
  const log = await auditLog(plcUrl, did);
  const head = log.findLast(({ nullified }) => !nullified);
  const named = (entry: AuditEntry | undefined): ServerName | undefined => {
    const endpoint = entry?.operation.services?.["atproto_pds"]?.endpoint;
    return serverNames.find((name) => servers[name].publicUrl === endpoint);
  };
  return {
    log,
    home: named(head),
    lived: new Set(log.map(named).filter((name) => name !== undefined)),
    rotationKeys: head?.operation.rotationKeys ?? [],
    places: {
      A: lookAt(servers.A, did),
      B: lookAt(servers.B, did),
      C: lookAt(servers.C, did),
    },
  };
}

/** The servers that the log named one after the other, without what was undone. */
export function homesOf({ log }: World, servers: Servers): ServerName[] {
  const homes = log
    .filter(({ nullified }) => !nullified)
    .map(({ operation }) =>
      serverNames.find((name) => servers[name].publicUrl === operation.services?.["atproto_pds"]?.endpoint),
    )
    .filter((name) => name !== undefined);
  return homes.filter((name, index) => name !== homes[index - 1]);
}

function lookAt({ dataDirectory }: PdsHandle, did: string): Place {
  const [actor] = rowsOf<{ deactivatedAt: string | null; takedownRef: string | null }>(
    path.join(dataDirectory, "account.sqlite"),
    "SELECT deactivatedAt, takedownRef FROM actor WHERE did = ?",
    did,
  );
  if (actor === undefined) {
    return { state: "absent", records: new Map(), blobs: new Set() };
  }
  const folder = path.join(dataDirectory, "actors", createHash("sha256").update(did).digest("hex").slice(0, 2), did);
  const records = rowsOf<{ uri: string; cid: string }>(
    path.join(folder, "store.sqlite"),
    "SELECT uri, cid FROM record",
  );
  const blobs = path.join(dataDirectory, "blobs", did);
  return {
    state: actor.takedownRef !== null ? "taken-down" : actor.deactivatedAt === null ? "active" : "deactivated",
    records: new Map(records.map(({ uri, cid }) => [uri.slice(`at://${did}/`.length), cid])),
    blobs: new Set(existsSync(blobs) ? readdirSync(blobs) : []),
  };
}

function rowsOf<T>(file: string, query: string, ...values: string[]): T[] {
  if (!existsSync(file)) {
    return [];
  }
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    return database.prepare(query).all(...values) as T[];
  } finally {
    database.close();
  }
}

/** The world in a few words, for people. */
export function describeWorld({ home, lived, rotationKeys, places }: World): string {
  const said = serverNames.map((name) => {
    const { state, records } = places[name];
    return `${name} ${state}${state === "absent" ? "" : ` (${records.size} records)`}`;
  });
  return `identity → ${home ?? "elsewhere"}, lived at ${[...lived].join(" ")}, ${rotationKeys.length} keys; ${said.join(", ")}`;
}
