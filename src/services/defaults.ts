/** What is used where nobody says anything else. Constants only: the command line reads them before anything is loaded. */

/** The directory of did:plc that everybody uses. */
export const defaultPlcUrl = "https://plc.directory";

/** Asked about the new server when nobody names another one. Servers on private networks are no business of its. */
export const publicRelay = "https://bsky.network";

/** Blobs in flight at once. */
export const defaultConcurrency = 16;
