/**
 * What a real directory does not do on demand: a front of one that hides operations, is away, has another clock, or is
 * something else altogether.
 */
import { createServer } from "node:http";
import { listen, stopServer } from "./ports.ts";

export interface HidingDirectory {
  readonly url: string;
  /** CIDs that it does not show. */
  readonly hidden: Set<string>;
  isAway: boolean;
  /** Whether it takes what is asked, and never answers. */
  hangs: boolean;
  /** By how much its clock is ahead, as its answers say (milliseconds). */
  ahead: number;
  /** Answered in the place of everything. */
  instead: { readonly status: number; readonly type: string; readonly text: string } | undefined;
  /** DIDs whose logs it fails to give. */
  readonly failing: Set<string>;
  /** What was asked for, path and query. */
  readonly asked: string[];
  stop(): Promise<void>;
}

/** Starts one in front of the directory at `url`. It only reads. */
export async function startHidingDirectory(url: string): Promise<HidingDirectory> {
  const hidden = new Set<string>();
  const asked: string[] = [];
  const shows = (entry: unknown): boolean => !hidden.has(String((entry as { cid?: unknown }).cid));
  const failing = new Set<string>();
  const never = Promise.withResolvers<never>();
  const answer = async (path: string): Promise<{ status: number; text: string; type?: string }> => {
    if (front.hangs) {
      return never.promise;
    }
    if (front.instead !== undefined) {
      return front.instead;
    }
    if (failing.has(path.split("/")[1] ?? "")) {
      return { status: 500, text: "{}" };
    }
    const real = await fetch(`${url}${path}`);
    const text = await real.text();
    if (front.isAway) {
      throw new Error("away");
    }
    if (path.startsWith("/export")) {
      const lines = text.split("\n").filter((line) => line !== "" && shows(JSON.parse(line)));
      return { status: real.status, text: lines.join("\n") };
    }
    const isLog = path.endsWith("/log/audit") && real.ok;
    return { status: real.status, text: isLog ? JSON.stringify((JSON.parse(text) as unknown[]).filter(shows)) : text };
  };
  const server = createServer((request, response) => {
    const path = request.url ?? "";
    asked.push(path);
    void answer(path).then(
      ({ status, text, type = "application/json" }) => {
        response.statusCode = status;
        response.setHeader("content-type", type);
        response.setHeader("date", new Date(Date.now() + front.ahead).toUTCString());
        response.end(text);
        return undefined;
      },
      () => response.destroy(),
    );
  });
  const port = await listen(server, 0);
  const front: HidingDirectory = {
    url: `http://localhost:${port}`,
    hidden,
    asked,
    isAway: false,
    hangs: false,
    ahead: 0,
    instead: undefined,
    failing,
    stop: async () => stopServer(server),
  };
  return front;
}
