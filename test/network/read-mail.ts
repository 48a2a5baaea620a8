/**
 * Prints the code of the newest mail about a change of identity, for `--plc-token-command`:
 * `node test/network/read-mail.ts CONTROL_URL ADDRESS [AFTER]`, AFTER in milliseconds since 1970.
 */
import { connectNetwork, type NetworkHandle } from "./control.ts";

const [controlUrl = "", to = "", after = "0"] = process.argv.slice(2);
const network = connectNetwork({ controlUrl } as NetworkHandle);
const { token = "" } = await network.waitForMail({ to, subject: "PLC Update", after: Number(after) });
process.stdout.write(`${token}\n`);
