/**
 * Prints the code of the newest mail, for `--plc-token-command` and its like:
 * `node test/network/read-mail.ts CONTROL_URL ADDRESS [AFTER [SUBJECT]]`, AFTER in milliseconds since 1970.
 */
import { connectNetwork, type NetworkHandle } from "./control.ts";

const [controlUrl = "", to = "", after = "0", subject = "PLC Update"] = process.argv.slice(2);
const network = connectNetwork({ controlUrl } as NetworkHandle);
const { token = "" } = await network.waitForMail({ to, subject, after: Number(after) });
process.stdout.write(`${token}\n`);
