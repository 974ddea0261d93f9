// One form for the graph of a pipeline: from the server's run, or from ClearML's configuration object `Pipeline`.
import type { Run, StepState, Task } from "../api/types";
import { parseTime } from "./time";

export interface Override {
  name: string;
  value: unknown;
  /** As it was submitted, where that says more than the value (`${step.id}`). */
  expression?: string;
}

export interface Step {
  name: string;
  status: string;
  parents: string[];
  overrides: Override[];
  task?: string;
  queue?: string;
  worker?: string;
  reason?: string;
  attempt?: number;
  queuedAt?: number;
  startedAt?: number;
  endedAt?: number;
}

export interface Pipeline {
  steps: Step[];
  status?: string;
  reason?: string;
  warnings: string[];
}

function overridesOf(submitted: Record<string, unknown>, resolved: Record<string, unknown> | null | undefined): Override[] {
  return Object.keys(submitted).map((name) => {
    const written = submitted[name];
    const value = resolved && name in resolved ? resolved[name] : written;
    return typeof written === "string" && written.includes("${") && written !== value
      ? { name, value, expression: written }
      : { name, value };
  });
}

function fromState(state: StepState): Step {
  const step: Step = {
    name: state.name,
    status: state.status,
    parents: state.parents ?? [],
    overrides: overridesOf(state.parameters ?? {}, state.resolved),
  };
  const queuedAt = parseTime(state.queued_at);
  const startedAt = parseTime(state.started_at);
  const endedAt = parseTime(state.ended_at);
  return {
    ...step,
    ...(state.task && { task: state.task }),
    ...(state.queue && { queue: state.queue }),
    ...(state.worker && { worker: state.worker }),
    ...(state.reason && { reason: state.reason }),
    ...(state.attempt !== undefined && { attempt: state.attempt }),
    ...(queuedAt !== undefined && { queuedAt }),
    ...(startedAt !== undefined && { startedAt }),
    ...(endedAt !== undefined && { endedAt }),
  };
}

export function fromRun(run: Run): Pipeline {
  return {
    steps: run.steps.map(fromState),
    status: run.status,
    warnings: run.warnings ?? [],
    ...(run.reason && { reason: run.reason }),
  };
}

function asMap(value: unknown): Record<string, unknown> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
}

function seconds(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value * 1000 : undefined;
}

function statusOf(node: Record<string, unknown>): string {
  if (typeof node.status === "string") return node.status === "pending" ? "blocked" : node.status;
  if (node.skip_job === true) return "skipped";
  return node.executed ? "completed" : node.job_id ? "running" : "blocked";
}

function fromNode(name: string, node: Record<string, unknown>): Step {
  const task = node.executed || node.job_id;
  const startedAt = seconds(node.job_started);
  const endedAt = seconds(node.job_ended);
  return {
    name,
    status: statusOf(node),
    parents: Array.isArray(node.parents) ? node.parents.filter((one): one is string => typeof one === "string") : [],
    overrides: overridesOf(asMap(node.parameters) ?? {}, null),
    ...(typeof task === "string" && { task }),
    ...(typeof node.queue === "string" && { queue: node.queue }),
    ...(startedAt !== undefined && { startedAt }),
    ...(endedAt !== undefined && { endedAt }),
  };
}

/** The graph in ClearML's configuration object, or undefined when the text is not one. */
export function fromConfiguration(text: string | undefined): Pipeline | undefined {
  if (!text) return undefined;
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return undefined;
  }
  const nodes = asMap(document);
  if (!nodes) return undefined;
  const steps: Step[] = [];
  for (const [name, value] of Object.entries(nodes)) {
    const node = asMap(value);
    if (!node) return undefined;
    steps.push(fromNode(name, node));
  }
  return steps.length > 0 ? { steps, warnings: [] } : undefined;
}

export function pipelineOf(task: Task, run: Run | null | undefined): Pipeline | undefined {
  return run ? fromRun(run) : fromConfiguration(task.configuration?.Pipeline?.value);
}
