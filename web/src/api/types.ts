// What the server sends, as src/trackside/protocol says it; only the fields that the pages read.

export type TaskStatus =
  | "created" | "queued" | "in_progress" | "stopped" | "publishing"
  | "published" | "closed" | "failed" | "completed" | "unknown";

export type StepStatus =
  | "blocked" | "queued" | "running" | "completed" | "failed" | "aborted" | "skipped" | "cached";

export interface Parameter {
  section: string;
  name: string;
  value?: string;
  type?: string;
  description?: string;
}

export type Hyperparams = Record<string, Record<string, Parameter>>;

export interface ConfigurationItem {
  name?: string;
  value?: string;
  type?: string;
}

export interface Artifact {
  key: string;
  type?: string;
  mode?: "input" | "output";
  uri?: string;
  content_size?: number;
  hash?: string;
  timestamp?: number;
  type_data?: { preview?: string; content_type?: string };
}

export interface TaskModel {
  name: string;
  model: string;
}

/** A reference in an `_ex` reply may stand as its id or as an object. */
export type Reference = string | { id: string; name?: string };

export interface Task {
  id: string;
  name?: string;
  type?: string;
  status?: TaskStatus;
  status_reason?: string;
  status_message?: string;
  project?: Reference;
  parent?: Reference;
  user?: Reference;
  comment?: string;
  created?: string;
  started?: string;
  completed?: string;
  last_update?: string;
  status_changed?: string;
  active_duration?: number;
  last_worker?: string;
  last_iteration?: number;
  tags?: string[];
  system_tags?: string[];
  script?: {
    binary?: string;
    repository?: string;
    branch?: string;
    tag?: string;
    version_num?: string;
    entry_point?: string;
    working_dir?: string;
    requirements?: Record<string, unknown>;
    diff?: string;
  };
  execution?: { queue?: Reference; artifacts?: Artifact[] };
  container?: Record<string, string>;
  hyperparams?: Hyperparams;
  configuration?: Record<string, ConfigurationItem>;
  runtime?: Record<string, unknown>;
  models?: { input?: TaskModel[]; output?: TaskModel[] };
  attempt?: number;
}

export interface Project {
  id: string;
  name?: string;
}

export interface Queue {
  id: string;
  name?: string;
  display_name?: string;
  system_tags?: string[];
  entries?: { task: Reference }[];
  workers?: { name?: string; id?: string }[];
}

export interface Model {
  id: string;
  name?: string;
  uri?: string;
  framework?: string;
  ready?: boolean;
  created?: string;
}

export interface StepState {
  name: string;
  status: StepStatus;
  base_task_id: string;
  parents?: string[];
  parameters?: Record<string, unknown>;
  resolved?: Record<string, unknown> | null;
  queue?: string;
  task?: string;
  attempt?: number;
  worker?: string;
  reason?: string;
  queued_at?: string;
  started_at?: string;
  ended_at?: string;
}

export interface Run {
  id: string;
  status: "running" | "completed" | "failed" | "aborted";
  created: string;
  sequence: number;
  steps: StepState[];
  reason?: string;
  ended?: string;
  warnings?: string[];
}

export interface LogEvent {
  timestamp?: number;
  "@timestamp"?: string | number;
  level?: string;
  msg?: string;
  worker?: string;
  index?: number;
}

export interface PlotEvent {
  metric?: string;
  variant?: string;
  iter?: number;
  plot_str?: string;
}
