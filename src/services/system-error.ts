/** What the operating system says when it refuses something. */

/** The code of an error of the system, such as `ENOENT`; undefined for an error that has none. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
