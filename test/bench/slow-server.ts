/**
 * `node slow-server.ts NAME MILLISECONDS DIRECTORY PLC SMTP`: a real PDS in a process of its own, at the end of a way
 * on which every answer takes so much longer. Prints its handle as JSON, and ends with its standard input.
 */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { startPds } from "../network/pds.ts";
import { freePort } from "../network/ports.ts";
import type { Way } from "./delay-line.ts";

const [, , name = "", milliseconds = "", directory = "", plcUrl = "", smtpUrl = ""] = process.argv;
const publicPort = await freePort();
const pds = await startPds({ name, publicPort }, { directory, plcUrl, smtpUrl });
const way: Way = { port: publicPort, targetPort: pds.handle.port, milliseconds: Number(milliseconds) };
const line = new Worker(new URL("delay-line.ts", import.meta.url), { workerData: way });
await once(line, "message");
process.stdout.write(`${JSON.stringify(pds.handle)}\n`);
process.stdin.resume().on("end", () => {
  void Promise.all([line.terminate(), pds.stop()]).then(() => process.exit());
});
