/** The steps of a migration, in their order. Their ids are public: they stand in the JSON, the journal and the docs. */

/** Id → what the step does, in a few words for people. */
const titles = {
  resolve: "Find the account",
  preflight: "Check both servers",
  "sign-in": "Sign in at your old server",
  freeze: "Freeze the account on your old server",
  export: "Export the account into the archive",
  verify: "Prove the archive",
  "create-account": "Make the account on your new server",
  "import-repo": "Import the repository",
  "transfer-blobs": "Transfer the blobs",
  "import-preferences": "Import the preferences",
  "catch-up": "Bring over what was written meanwhile",
  compare: "Compare both servers",
  "recovery-key": "Put your rotation key first",
  "request-token": "Ask for the mailed code",
  "sign-operation": "Sign the change of identity",
  "submit-operation": "Change the identity",
  "publish-document": "Publish the document of your did:web",
  activate: "Activate the account on your new server",
  "prove-there": "Prove what your new server has",
  "deactivate-source": "Deactivate the account on your old server",
  "late-writes": "Look for late writes on your old server",
  "first-write": "Let your new server sign the repository",
  confirm: "Confirm from outside",
} as const;

/** The same for the steps that only a restore has. */
const restoreTitles = {
  "open-key": "Open your rotation key",
  gather: "Look for what the archive lacks",
  "target-account": "Settle your account at the new server",
  "temporary-key": "Make a temporary signing key",
  "swap-key": "Put the temporary key into the identity",
  "publish-key": "Publish the document with the temporary key",
  "plan-operation": "Plan the change of identity",
  "destroy-key": "Destroy the temporary key",
} as const;

const allTitles: Readonly<Record<StepId, string>> = { ...titles, ...restoreTitles };

/** The name of a step of a move, or of a restore: stable. */
export type StepId = keyof typeof titles | keyof typeof restoreTitles;

/** Every step id of a move, in the order in which the steps run; some belong to one kind of identity only. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the keys of an object literal are exactly these
export const stepIds: readonly StepId[] = Object.keys(titles) as StepId[];

/** Every step id of a restore, in the order in which the steps run. */
export const restoreStepIds: readonly StepId[] = [
  "resolve",
  "preflight",
  "verify",
  "open-key",
  "gather",
  "target-account",
  "temporary-key",
  "swap-key",
  "publish-key",
  "create-account",
  "import-repo",
  "transfer-blobs",
  "import-preferences",
  "compare",
  "plan-operation",
  "sign-operation",
  "submit-operation",
  "publish-document",
  "activate",
  "destroy-key",
  "first-write",
  "confirm",
];

/** The step that cannot be taken back by trying again, of either kind of identity: what comes before is reversible. */
export function isPointOfNoReturn(id: StepId): boolean {
  return id === "submit-operation" || id === "publish-document";
}

/** The title of a step, for people. */
export function stepTitle(id: StepId): string {
  return allTitles[id];
}

/** Whether `text` is the id of a step. */
export function isStepId(text: string): text is StepId {
  return Object.hasOwn(allTitles, text);
}
