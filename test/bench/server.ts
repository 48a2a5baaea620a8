/**
 * `node server.ts NAME PUBLIC_PORT DIRECTORY PLC SMTP`: a real PDS in a process of its own. Prints its handle as JSON, and ends
 * with its standard input.
 */
import { startPds } from "../network/pds.ts";

const [, , name = "", publicPort = "", directory = "", plcUrl = "", smtpUrl = ""] = process.argv;
const pds = await startPds({ name, publicPort: Number(publicPort) }, { directory, plcUrl, smtpUrl });
process.stdout.write(`${JSON.stringify(pds.handle)}\n`);
process.stdin.resume().on("end", () => {
  void pds.stop().then(() => process.exit());
});
