/** `npm run json-schema`: writes docs/json-schema.json from the tables of docs/JSON.md. */
import { writeFileSync } from "node:fs";
import { schemaPath, schemaText } from "./schema.ts";

writeFileSync(schemaPath, await schemaText());
