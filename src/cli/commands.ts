/** All commands, in the order of the help. */
import { declareAccount } from "./account/declare.ts";
import { declareArchive } from "./archive/declare.ts";
import type { Folder } from "./command.ts";
import { declareCompletion } from "./completion/declare.ts";
import { declareDoctor } from "./doctor/declare.ts";
import { declareExport } from "./export/declare.ts";
import { declareInsure } from "./insure/declare.ts";
import { declareKey } from "./key/declare.ts";
import { declareLook } from "./look/declare.ts";
import { declareMigrate } from "./migrate/declare.ts";
import { declarePlc } from "./plc/declare.ts";
import { declareRestore } from "./restore/declare.ts";
import { declareVerify } from "./verify/declare.ts";

export const commands: readonly Folder[] = [
  { names: ["migrate"], declare: declareMigrate },
  { names: ["restore"], declare: declareRestore },
  { names: ["doctor"], declare: declareDoctor },
  { names: ["account"], declare: declareAccount },
  { names: ["export"], declare: declareExport },
  { names: ["verify"], declare: declareVerify },
  { names: ["insure"], declare: declareInsure },
  { names: ["archive"], declare: declareArchive },
  { names: ["repo", "blob"], declare: declareLook },
  { names: ["plc"], declare: declarePlc },
  { names: ["key"], declare: declareKey },
  { names: ["completion"], declare: declareCompletion },
];
