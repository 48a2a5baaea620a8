/** The Job of deploy/kubernetes/export.yaml: what it runs, and what its controller does when that has ended. */
import { readFileSync } from "node:fs";
import { parse } from "yaml";

/** What is said there of one. */
export interface IndexedJob {
  readonly completionMode: string;
  readonly completions: number;
  readonly parallelism: number;
  readonly backoffLimitPerIndex: number;
  readonly maxFailedIndexes: number;
  readonly podReplacementPolicy: string;
  readonly podFailurePolicy: {
    readonly rules: readonly {
      readonly action: "Ignore" | "Count" | "FailIndex" | "FailJob";
      readonly onExitCodes?: {
        readonly containerName: string;
        readonly operator: "In" | "NotIn";
        readonly values: readonly number[];
      };
    }[];
  };
  readonly template: {
    readonly spec: {
      readonly restartPolicy: string;
      readonly containers: readonly {
        readonly name: string;
        readonly args: readonly string[];
        readonly env?: unknown;
      }[];
    };
  };
}

export function exportJob(): IndexedJob {
  const text = readFileSync(new URL("../../deploy/kubernetes/export.yaml", import.meta.url), "utf8");
  return (parse(text) as { spec: { jobTemplate: { spec: IndexedJob } } }).spec.jobTemplate.spec;
}

/** decamp's words in the pod of an index: `$(NAME)` is a variable of the container, and the index is the only one. */
export function commandOfIndex({ template }: IndexedJob, index: number): string[] {
  const [container] = template.spec.containers;
  return (container?.args ?? []).map((word) =>
    word.replaceAll(/\$\(([^)]*)\)/g, (_, name: string) => {
      if (name !== "JOB_COMPLETION_INDEX") {
        throw new Error(`the container has no variable ${name}`);
      }
      return String(index);
    }),
  );
}

/** What is done when a pod has ended with an exit code: the first rule that names it; else it counts. */
export function judge({ podFailurePolicy }: IndexedJob, code: number): string {
  const rule = podFailurePolicy.rules.find(
    ({ onExitCodes }) =>
      onExitCodes !== undefined && (onExitCodes.operator === "In") === onExitCodes.values.includes(code),
  );
  return rule?.action ?? "Count";
}
