/**
 * Somebody posts while the mailed code is awaited. For `--plc-token-command`: `node post-then-read-mail.ts SERVER DID
 * PASSWORD RKEY MARK CONTROL_URL ADDRESS AFTER`; the file MARK is there afterwards if the post was taken.
 */
import { writeFile } from "node:fs/promises";
import { procedure } from "../../network/xrpc.ts";

const [node = "", script = "", url = "", did = "", password = "", rkey = "", mark = "", ...mail] = process.argv;
try {
  const input = { identifier: did, password };
  const { accessJwt } = await procedure<{ accessJwt: string }>(url, "com.atproto.server.createSession", input);
  const record = { $type: "app.bsky.feed.post", text: "Meanwhile.", createdAt: new Date().toISOString() };
  const post = { repo: did, collection: "app.bsky.feed.post", rkey, record };
  await procedure(url, "com.atproto.repo.createRecord", post, { token: accessJwt });
  await writeFile(mark, "");
} catch (error) {
  process.stderr.write(`${String(error)}\n`);
}
process.argv = [node, script, ...mail];
await import("../../network/read-mail.ts");
