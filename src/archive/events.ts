/**
 * Progress is data: what work on an archive reports to its one listener. The shapes are public; fields are only added.
 */

/** The parts of an export, in their order. */
export type ExportStepId = "locate" | "sign-in" | "recheck" | "repository" | "blobs" | "manifest";

/** Something that an export says while it works. */
export type ExportEvent =
  | {
      readonly type: "step";
      readonly id: ExportStepId;
      readonly title: string;
      readonly state: "start" | "done" | "skipped";
      readonly detail?: string;
    }
  | {
      readonly type: "progress";
      readonly step: ExportStepId;
      readonly unit: "bytes" | "blobs" | "records";
      readonly done: number;
      readonly total?: number;
      /** Of blobs that are done, where they are known. */
      readonly bytes?: number;
    }
  | { readonly type: "warning"; readonly code: string; readonly message: string };

/** The listener. It must not throw. */
export type ReportExport = (event: ExportEvent) => void;
