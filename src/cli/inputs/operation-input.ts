/** An operation that a command is told to read or to write. */
import { isJsonObject } from "../../data/json-object.ts";
import { DecampError } from "../../errors.ts";
import { isOperation, nameJson } from "../../plc/log-file.ts";
import type { SignedOperation, UnsignedOperation } from "../../plc/operation.ts";
import { readJsonInput } from "./json-input.ts";
import type { Terminal } from "../talk/terminal.ts";

/**
 * The operation as it lies there: by itself, or in the result that a command has printed with --json.
 *
 * @throws DecampError as `readJsonInput`, and `unreadable-file` for what is something else of an identity
 */
export async function readOperationInput(
  path: string,
  terminal: Pick<Terminal, "stdin">,
  signal?: AbortSignal,
): Promise<unknown> {
  const value = await readJsonInput(path, terminal, { signal });
  if (isJsonObject(value) && value["type"] === "result" && value["operation"] !== undefined) {
    return value["operation"];
  }
  if (!isOperation(value)) {
    const what = nameJson(value);
    throw new DecampError("unreadable-file", `This is no operation${what === undefined ? "" : `, but ${what}`}.`, {
      hint: "decamp plc diff ACCOUNT … -o FILE plans an operation, and decamp plc sign signs one.",
    });
  }
  return value;
}

/** An operation as it is written to a file: in lines, so that a person can read and edit it. */
export function operationText(operation: SignedOperation | UnsignedOperation): string {
  return `${JSON.stringify(operation, undefined, 2)}\n`;
}
