/**
 * Prints the token of the newest mail, for `--plc-token-command`:
 * `node test/network/read-mail.ts CONTROL_URL ADDRESS [SUBJECT]`.
 */
import { connectNetwork, type NetworkHandle } from "./control.ts";

const [controlUrl = "", to = "", subject = "PLC Update"] = process.argv.slice(2);
const network = connectNetwork({ controlUrl } as NetworkHandle);
const { token = "" } = await network.waitForMail({ to, subject });
process.stdout.write(`${token}\n`);
