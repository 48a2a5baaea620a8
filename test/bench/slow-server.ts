/**
 * `node slow-server.ts NAME MILLISECONDS DIRECTORY PLC SMTP`: a real PDS in a process of its own, behind a proxy that holds every
 * request back for so long. Prints its handle as JSON, and ends with its standard input.
 */
import { late } from "../faults/faults.ts";
import { startProxy } from "../faults/proxy.ts";
import { startPds } from "../network/pds.ts";
import { freePort } from "../network/ports.ts";

const [, , name = "", latency = "", directory = "", plcUrl = "", smtpUrl = ""] = process.argv;
const publicPort = await freePort();
const pds = await startPds({ name, publicPort }, { directory, plcUrl, smtpUrl });
const proxy = await startProxy({ port: publicPort, targetPort: pds.handle.port });
proxy.when({}, late(Number(latency)));
process.stdout.write(`${JSON.stringify(pds.handle)}\n`);
process.stdin.resume().on("end", () => {
  void Promise.all([proxy.stop(), pds.stop()]).then(() => process.exit());
});
