/**
 * `npm run fuzz [-- SECONDS [SEED]]`: ten minutes by default. A third of it goes to answers of servers, a third to
 * broken records, the rest to CAR files, at most a million of each. Ends with 1 when a promise is broken, or time was
 * too short to try one.
 */
import { fuzzVerifier } from "../repo/fuzz/fuzz.ts";
import { fuzzRecords } from "../repo/fuzz/records.ts";
import { fuzzAnswers } from "../services/fuzz/answers.ts";

const seconds = Number(process.argv[2] ?? 600);
const seed = Number(process.argv[3] ?? Math.floor(Date.now() / 1000) % 100_000);
const most = 1_000_000;
const start = Date.now();

const answers = await fuzzAnswers(
  { seed, every: 1, mutations: most },
  () => Date.now() >= start + (seconds * 1000) / 3,
);
console.log(`seed ${seed}: ${answers.cases} answers, ${answers.taken} of them with a result`);
for (const fault of answers.faults) {
  console.log(fault);
}
process.exitCode = answers.faults.length > 0 ? 1 : 0;

const { records, blobs, unknown } = await fuzzRecords(seed, most, () => Date.now() >= start + (seconds * 2000) / 3);
console.log(`seed ${seed}: ${records} records, ${blobs} blobs in them, ${unknown} records whose blobs are not known`);

const { cases, stillGood } = await fuzzVerifier(seed, most, () => Date.now() >= start + seconds * 1000);
const megabytes = Math.round(process.resourceUsage().maxRSS / 1024);
console.log(`seed ${seed}: ${cases} CAR files, ${stillGood} of them still good; at most ${megabytes} MB`);
if ([answers.cases, records, cases].includes(0)) {
  console.log("Time was too short: give it more seconds.");
  process.exitCode = 1;
}
