/**
 * The document of a did:web, as an edit of the one that is published: what an account needs to live at a server, and
 * nothing else. Whatever decamp does not know in it stays, value for value and in its place: the document is the
 * user's own, and may serve other things beside AT Protocol.
 */
import { isJsonObject } from "../data/json-object.ts";
import { shortened } from "../data/shortened.ts";
import { DecampError } from "../errors.ts";
import { parseDidDocument } from "./did-document.ts";
import { concealKeys } from "./key-guard.ts";
import { isHandle } from "./names.ts";

/** The three fields of a document that AT Protocol reads. */
export interface DocumentFields {
  /** did:key of the key that signs the repository. */
  readonly signingKey: string;
  /** Address of the server, as it stands there. */
  readonly pds: string;
  /** Unset where the account has none, or keeps the one that is there. */
  readonly handle?: string | undefined;
}

/** The name of a field, and what a document has there. */
export interface FieldState {
  /** `#atproto`, `#atproto_pds` or `alsoKnownAs`. */
  readonly field: string;
  readonly wanted: string;
  /** Undefined if there is nothing that can be used. */
  readonly found: string | undefined;
}

/** A place in which two documents differ, as `Difference` of `plc/diff.ts` has it. */
export interface DocumentDifference {
  /** Where: `verificationMethod[0].publicKeyMultibase`, `service`, `alsoKnownAs[1]`, … */
  readonly field: string;
  readonly kind: "added" | "removed" | "changed";
  readonly before?: string;
  readonly after?: string;
}

/**
 * The document that is to be published.
 *
 * @param live the one that is published now, as parsed JSON
 * @returns a new value that shares with `live` what stays
 * @throws DecampError `identity-invalid` for what is no document of this DID, or has something else where its lists
 *   belong: decamp does not guess what that was meant to be
 */
export function editDocument(live: unknown, did: string, wanted: DocumentFields): Record<string, unknown> {
  parseDidDocument(live, did);
  if (!isJsonObject(live)) {
    throw new TypeError("what was parsed is an object");
  }
  const bare = isBare(live);
  const id = (fragment: string): string => (bare ? `#${fragment}` : `${did}#${fragment}`);
  const multibase = wanted.signingKey.slice("did:key:".length);
  const edited = { ...live };
  edited["verificationMethod"] = withEntry(live, did, {
    list: "verificationMethod",
    fragment: "atproto",
    change: (entry) => ({
      ...withoutKeyMaterial(entry),
      type: "Multikey",
      controller: did,
      publicKeyMultibase: multibase,
    }),
    id,
  });
  edited["service"] = withEntry(live, did, {
    list: "service",
    fragment: "atproto_pds",
    change: (entry) => ({ ...entry, type: "AtprotoPersonalDataServer", serviceEndpoint: wanted.pds }),
    id,
  });
  if (wanted.handle !== undefined) {
    edited["alsoKnownAs"] = withHandleInPlace(listOf(live, did, "alsoKnownAs"), wanted.handle);
  }
  return edited;
}

/** The fields that a document does not have as they are wanted. The address counts letter for letter: servers do so. */
export function unmetFields(document: unknown, did: string, wanted: DocumentFields): FieldState[] {
  return fieldStates(document, did, wanted).filter(({ wanted: want, found }) => want !== found);
}

/** What a document has in each of the fields, beside what is wanted there. @throws DecampError as `parseDidDocument` */
export function fieldStates(document: unknown, did: string, wanted: DocumentFields): FieldState[] {
  const { signingKey, handle } = parseDidDocument(document, did);
  return [
    { field: "#atproto", wanted: wanted.signingKey, found: signingKey },
    { field: "#atproto_pds", wanted: wanted.pds, found: endpointOf(document, did) },
    ...(wanted.handle === undefined ? [] : [{ field: "alsoKnownAs", wanted: wanted.handle, found: handle }]),
  ];
}

/** Where two documents differ, whatever stands in them. The order of an object's fields says nothing. */
export function documentDifferences(before: unknown, after: unknown): DocumentDifference[] {
  return differencesAt("", before, after);
}

/** Whether a document has its own names without the DID before them. New ones are then written like that. */
function isBare(document: Record<string, unknown>): boolean {
  const ids = ["verificationMethod", "service"]
    .flatMap((list): unknown[] => (Array.isArray(document[list]) ? (document[list] as unknown[]) : []))
    .map((entry) => (isJsonObject(entry) ? entry["id"] : undefined))
    .filter((one) => typeof one === "string");
  return ids.length > 0 && ids.every((one) => one.startsWith("#"));
}

interface EntryEdit {
  readonly list: string;
  readonly fragment: string;
  readonly change: (entry: Record<string, unknown>) => Record<string, unknown>;
  readonly id: (fragment: string) => string;
}

/** A list with one entry changed, the first of its name, as who reads it does; or with one more. */
function withEntry(
  document: Record<string, unknown>,
  did: string,
  { list, fragment, change, id }: EntryEdit,
): unknown[] {
  const entries = listOf(document, did, list);
  const at = entries.findIndex((entry) => isNamed(entry, did, fragment));
  const entry = entries[at];
  return isJsonObject(entry)
    ? entries.map((one, index) => (index === at ? change(entry) : one))
    : [...entries, change({ id: id(fragment) })];
}

function isNamed(entry: unknown, did: string, fragment: string): boolean {
  return isJsonObject(entry) && (entry["id"] === `#${fragment}` || entry["id"] === `${did}#${fragment}`);
}

/** An entry without what describes its old key: each way of writing it has a field of its own. */
function withoutKeyMaterial(entry: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(entry).filter(([field]) => field === "publicKeyMultibase" || !field.startsWith("publicKey")),
  );
}

/** The handle takes the place of the alias that is the handle now: the first that is one. */
function withHandleInPlace(aliases: readonly unknown[], handle: string): unknown[] {
  const alias = `at://${handle}`;
  const at = aliases.findIndex((one) => handleIn(one) !== undefined);
  if (at < 0) {
    return [alias, ...aliases];
  }
  if (handleIn(aliases[at]) === handle) {
    return [...aliases];
  }
  return aliases.flatMap((one, index) => (index === at ? [alias] : one === alias ? [] : [one]));
}

function handleIn(alias: unknown): string | undefined {
  const name = typeof alias === "string" && alias.startsWith("at://") ? alias.slice("at://".length).toLowerCase() : "";
  return isHandle(name) ? name : undefined;
}

/** The address of the server as it stands in a document; undefined if there is none. */
export function endpointOf(document: unknown, did: string): string | undefined {
  const services: unknown = isJsonObject(document) ? document["service"] : undefined;
  const entry = Array.isArray(services) ? services.find((one: unknown) => isNamed(one, did, "atproto_pds")) : undefined;
  const service: unknown = entry;
  return isJsonObject(service) &&
    service["type"] === "AtprotoPersonalDataServer" &&
    typeof service["serviceEndpoint"] === "string"
    ? service["serviceEndpoint"]
    : undefined;
}

function listOf(document: Record<string, unknown>, did: string, field: string): unknown[] {
  const value = document[field];
  if (value === undefined) {
    return [];
  }
  if (!Array.isArray(value)) {
    throw new DecampError("identity-invalid", `In the document of ${did}, ${field} is no list.`, {
      hint: "Mend the document at its host, then run the same command again.",
      data: { rule: "did-document/list", did, field },
    });
  }
  return value;
}

function differencesAt(field: string, before: unknown, after: unknown): DocumentDifference[] {
  if (isJsonObject(before) && isJsonObject(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return names.flatMap((name) =>
      differencesIn(field === "" ? name : `${field}.${name}`, [
        Object.hasOwn(before, name) ? { value: before[name] } : undefined,
        Object.hasOwn(after, name) ? { value: after[name] } : undefined,
      ]),
    );
  }
  if (Array.isArray(before) && Array.isArray(after)) {
    return Array.from({ length: Math.max(before.length, after.length) }, (_, index) =>
      differencesIn(`${field}[${index}]`, [
        index < before.length ? { value: before[index] as unknown } : undefined,
        index < after.length ? { value: after[index] as unknown } : undefined,
      ]),
    ).flat();
  }
  return before === after ? [] : [{ field, kind: "changed", before: show(before), after: show(after) }];
}

function differencesIn(
  field: string,
  [before, after]: readonly [{ readonly value: unknown } | undefined, { readonly value: unknown } | undefined],
): DocumentDifference[] {
  if (before === undefined) {
    return after === undefined ? [] : [{ field, kind: "added", after: show(after.value) }];
  }
  return after === undefined
    ? [{ field, kind: "removed", before: show(before.value) }]
    : differencesAt(field, before.value, after.value);
}

function show(value: unknown): string {
  return shortened(concealKeys(typeof value === "string" ? value : JSON.stringify(value)));
}
