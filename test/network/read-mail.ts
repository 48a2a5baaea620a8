/**
 * Prints the code of the newest mail, for `--plc-token-command` and its like:
 * `node test/network/read-mail.ts CONTROL_URL ADDRESS [AFTER [SUBJECT]]`, AFTER in milliseconds since 1970.
 */
import { connectNetwork, type NetworkHandle } from "./control.ts";

const [controlUrl = "", to = "", after = "0", subject = "PLC Update"] = process.argv.slice(2);
const network = connectNetwork({ controlUrl } as NetworkHandle);
const { token = "" } = await network.waitForMail({ to, subject, after: Number(after) });
// Whoever asked may have been killed meanwhile: that is no fault of ours, and ends us without a word.
process.stdout.on("error", () => process.exit(1)).write(`${token}\n`);
