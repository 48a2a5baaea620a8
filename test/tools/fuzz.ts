/** `npm run fuzz [-- SECONDS [SEED]]`: ten minutes by default, at most a million cases. Ends with 1 at the first broken promise. */
import { fuzzVerifier } from "../repo/fuzz/fuzz.ts";

const seconds = Number(process.argv[2] ?? 600);
const seed = Number(process.argv[3] ?? Math.floor(Date.now() / 1000) % 100_000);
const end = Date.now() + seconds * 1000;
const { cases, stillGood } = await fuzzVerifier(seed, 1_000_000, () => Date.now() >= end);
const megabytes = Math.round(process.resourceUsage().maxRSS / 1024);
console.log(`seed ${seed}: ${cases} cases, ${stillGood} of them still good, at most ${megabytes} MB`);
