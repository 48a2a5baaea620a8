/** What a real directory does not do on demand: a front of one that hides operations, or is away. */
import { createServer } from "node:http";
import { listen, stopServer } from "./ports.ts";

export interface HidingDirectory {
  readonly url: string;
  /** CIDs that it does not show. */
  readonly hidden: Set<string>;
  isAway: boolean;
  /** What was asked for, path and query. */
  readonly asked: string[];
  stop(): Promise<void>;
}

/** Starts one in front of the directory at `url`. It only reads. */
export async function startHidingDirectory(url: string): Promise<HidingDirectory> {
  const hidden = new Set<string>();
  const asked: string[] = [];
  const shows = (entry: unknown): boolean => !hidden.has(String((entry as { cid?: unknown }).cid));
  const server = createServer((request, response) => {
    const path = request.url ?? "";
    asked.push(path);
    void fetch(`${url}${path}`).then(async (answer) => {
      const text = await answer.text();
      if (front.isAway) {
        response.destroy();
        return;
      }
      response.statusCode = answer.status;
      if (path.startsWith("/export")) {
        const lines = text.split("\n").filter((line) => line !== "");
        response.end(lines.filter((line) => shows(JSON.parse(line))).join("\n"));
      } else if (path.endsWith("/log/audit") && answer.ok) {
        response.end(JSON.stringify((JSON.parse(text) as unknown[]).filter(shows)));
      } else {
        response.end(text);
      }
    });
  });
  const port = await listen(server, 0);
  const front: HidingDirectory = {
    url: `http://localhost:${port}`,
    hidden,
    asked,
    isAway: false,
    stop: async () => stopServer(server),
  };
  return front;
}
