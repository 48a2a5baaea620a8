/** `npm run network`: the real servers, to be used by hand. They stay up until Ctrl-C. */
import { once } from "node:events";
import { createAccount } from "./account.ts";
import { addOwnParts } from "./identity.ts";
import { startNetwork } from "./index.ts";
import { populate } from "./populate.ts";
import { prepareMove } from "./run-decamp.ts";
import { run } from "../tools/run.ts";

if ((await run("node", ["test/tools/build.ts"])) !== 0) {
  process.exit(1);
}
const network = await startNetwork();
const account = await createAccount(network.a, {
  handle: "alice.a.test",
  email: "alice@old.example.com",
  password: "the-old-password",
});
const { records, pictures } = await populate(account, { records: 320, blobs: 44 });
await addOwnParts(network, account);
const move = await prepareMove(network, account, network.b, ["--plc-token-command"]);
const command = move.args
  .filter((arg) => arg !== "--no-input")
  .join(" ")
  .replaceAll(/ (?=--)/g, " \\\n    ");
console.log(`
directory   ${network.plcUrl}
old server  ${network.a.url}   admin password ${network.a.adminPassword}
new server  ${network.b.url}   admin password ${network.b.adminPassword}
account     ${account.handle}, password ${account.password}, ${records} records, ${pictures.length} blobs

To move it, type in another terminal, here in the project's folder:

  npx decamp ${command}

It asks for the mailed code: mails are shown here. With --dry-run it only makes a plan; without the flags of the
passwords and the DID it asks for them. Ctrl-C ends the servers.
`);
network.onMail((mail) => {
  console.log(
    `mail to ${mail.to.toString()}: ${mail.subject}${mail.token === undefined ? "" : `, code ${mail.token}`}`,
  );
});
await once(process, "SIGINT");
await move.remove();
await network.stop();
process.exit(0);
