/** All commands, in the order of the help. */
import { declareArchive } from "./archive/declare.ts";
import type { Declare } from "./command.ts";
import { declareDoctor } from "./doctor/declare.ts";
import { declareExport } from "./export/declare.ts";
import { declareKey } from "./key/declare.ts";
import { declareLook } from "./look/declare.ts";
import { declareMigrate } from "./migrate/declare.ts";
import { declarePlc } from "./plc/declare.ts";
import { declareRestore } from "./restore/declare.ts";
import { declareVerify } from "./verify/declare.ts";

export const commands: readonly Declare[] = [
  declareMigrate,
  declareRestore,
  declareDoctor,
  declareExport,
  declareVerify,
  declareArchive,
  declareLook,
  declarePlc,
  declareKey,
];
