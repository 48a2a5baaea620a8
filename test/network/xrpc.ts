/**
 * The plainest XRPC client: one fetch a call, no session, no retry. Tests and the demo look at the servers through
 * this, so that decamp's own client never vouches for itself.
 */

/** What a server answered instead of 2xx. */
export class XrpcError extends Error {
  readonly status: number;
  /** the `error` member of the answer, such as `InvalidToken`; empty when there is none */
  readonly error: string;

  constructor(nsid: string, status: number, error: string, message: string) {
    super(`${nsid}: ${status} ${error} ${message}`);
    this.status = status;
    this.error = error;
  }
}

export type Params = Record<string, string | number | boolean | readonly string[] | undefined>;

export interface Call {
  params?: Params;
  /** sent as `Authorization: Bearer …` */
  token?: string | undefined;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** GET `/xrpc/NSID` of the server at `url`, as JSON. */
export async function query<T = Record<string, unknown>>(url: string, nsid: string, call: Call = {}): Promise<T> {
  return (await (await send(url, nsid, "GET", call)).json()) as T;
}

/** GET `/xrpc/NSID` of the server at `url`, as bytes. */
export async function queryBytes(url: string, nsid: string, call: Call = {}): Promise<Uint8Array> {
  return new Uint8Array(await (await send(url, nsid, "GET", call)).arrayBuffer());
}

/** POST `/xrpc/NSID` with `input` as JSON; an empty answer is `{}`. */
export async function procedure<T = Record<string, unknown>>(
  url: string,
  nsid: string,
  input?: unknown,
  call: Call = {},
): Promise<T> {
  const body = input === undefined ? undefined : JSON.stringify(input);
  const headers = body === undefined ? {} : { "content-type": "application/json" };
  const response = await send(url, nsid, "POST", { ...call, headers: { ...headers, ...call.headers } }, body);
  const text = await response.text();
  return (text === "" ? {} : JSON.parse(text)) as T;
}

/** POST `/xrpc/NSID` with `bytes` of the given content type. */
export async function procedureBytes<T = Record<string, unknown>>(
  url: string,
  nsid: string,
  bytes: Uint8Array<ArrayBuffer>,
  contentType: string,
  call: Call = {},
): Promise<T> {
  const headers = { ...call.headers, "content-type": contentType };
  const response = await send(url, nsid, "POST", { ...call, headers }, bytes);
  const text = await response.text();
  return (text === "" ? {} : JSON.parse(text)) as T;
}

/** Follows `cursor` to the end and gives all items of all pages. */
export async function queryAll<T>(url: string, nsid: string, member: string, call: Call = {}): Promise<T[]> {
  const all: T[] = [];
  let cursor: string | undefined;
  do {
    const page = await query(url, nsid, { ...call, params: { ...call.params, cursor } });
    const items = page[member] as T[];
    all.push(...items);
    cursor = items.length === 0 ? undefined : (page["cursor"] as string | undefined);
  } while (cursor !== undefined);
  return all;
}

async function send(
  url: string,
  nsid: string,
  method: string,
  call: Call,
  body?: string | Uint8Array<ArrayBuffer>,
): Promise<Response> {
  const target = new URL(`/xrpc/${nsid}`, url);
  for (const [name, value] of Object.entries(call.params ?? {})) {
    for (const item of Array.isArray(value) ? value : [value]) {
      if (item !== undefined) {
        target.searchParams.append(name, String(item));
      }
    }
  }
  const headers = new Headers(call.headers);
  if (call.token !== undefined) {
    headers.set("authorization", `Bearer ${call.token}`);
  }
  const response = await fetch(target, {
    method,
    headers,
    ...(body === undefined ? {} : { body }),
    ...(call.signal === undefined ? {} : { signal: call.signal }),
  });
  if (!response.ok) {
    const text = await response.text();
    let answer: { error?: string; message?: string } = {};
    try {
      answer = JSON.parse(text) as typeof answer;
    } catch {
      answer = { message: text };
    }
    throw new XrpcError(nsid, response.status, answer.error ?? "", answer.message ?? "");
  }
  return response;
}
