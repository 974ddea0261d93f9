import { lazy, Suspense, useEffect, useState } from "react";
import { Link, useLocation } from "wouter";
import { call } from "../../api/client";
import { queryClient, useProjects, useRun, useTask } from "../../api/queries";
import type { Run, Task } from "../../api/types";
import { idOf } from "../../lib/format";
import { type Pipeline, pipelineOf } from "../../lib/pipeline";
import { duration } from "../../lib/time";
import { Dialog, Id, Trouble, useNow } from "../../ui/bits";
import { Status } from "../../ui/status";
import { say } from "../../ui/toasts";
import { elapsed } from "../runs/runs-page";
import { Artifacts } from "./artifacts";
import { Configuration } from "./configuration";
import { Console } from "./console";
import { Overview } from "./overview";
import { Plots } from "./plots";
import { RunDialog, type RunDialogMode } from "./run-dialog";

const PipelineView = lazy(() => import("../pipeline/pipeline-view"));

const TABS = ["overview", "pipeline", "configuration", "console", "plots", "artifacts"] as const;
type Tab = (typeof TABS)[number];
const TITLES: Record<Tab, string> = {
  overview: "Overview", pipeline: "Pipeline", configuration: "Configuration", console: "Console", plots: "Plots", artifacts: "Artifacts",
};

/** Our tab for a path's tail; ClearML's links (`info-output/metrics/plots`) lead to the same places. */
export function tabOf(tail: string): Tab {
  const parts = tail.split("/").filter(Boolean);
  const last = parts.at(-1) ?? "";
  const theirs: Record<string, Tab> = { execution: "overview", general: "overview", "hyper-params": "configuration", log: "console" };
  if (theirs[last]) return theirs[last];
  if (parts.includes("hyper-params")) return "configuration";
  return TABS.find((tab) => parts.includes(tab)) ?? "overview";
}

export default function RunPage({ id, tail }: { id: string; tail: string }) {
  const query = useTask(id);
  const task = query.data;
  const run = useRun(id, task?.type === "controller" || task?.configuration?.Pipeline !== undefined);
  const name = task?.name;
  useEffect(() => {
    if (name) document.title = `${name} · Trackside`;
  }, [name]);
  if (query.error && !task) return <div className="pad"><Trouble error={query.error} retry={() => void query.refetch()} /></div>;
  if (!task) return <p className="pad">Loading …</p>;
  return <Page key={id} task={task} run={run.data} tab={tabOf(tail)} />;
}

function Page({ task, run, tab }: { task: Task; run: Run | null | undefined; tab: Tab }) {
  const pipeline = pipelineOf(task, run);
  const tabs = TABS.filter((one) => one !== "pipeline" || pipeline);
  return (
    <div className="run">
      <Head task={task} pipeline={pipeline} />
      <nav className="tabs" aria-label="Parts of the run">
        {tabs.map((one) => (
          <Link key={one} href={`/runs/${task.id}/${one}`} replace aria-current={one === tab ? "page" : undefined}>
            {TITLES[one]}
          </Link>
        ))}
      </nav>
      <section className="tab" aria-label={TITLES[tab]}>
        {tab === "overview" && <Overview task={task} />}
        {tab === "pipeline" && pipeline && (
          <Suspense fallback={<p>Loading …</p>}><PipelineView pipeline={pipeline} /></Suspense>
        )}
        {tab === "pipeline" && !pipeline && <p className="faint">This run has no pipeline.</p>}
        {tab === "configuration" && <Configuration task={task} />}
        {tab === "console" && <Console id={task.id} status={task.status} />}
        {tab === "plots" && <Plots id={task.id} pipeline={pipeline} />}
        {tab === "artifacts" && <Artifacts task={task} />}
      </section>
    </div>
  );
}

function Head({ task, pipeline }: { task: Task; pipeline: Pipeline | undefined }) {
  const projects = useProjects();
  const now = useNow(task.status === "in_progress");
  const projectId = idOf(task.project);
  const parent = idOf(task.parent);
  return (
    <header className="run-head">
      <div className="crumbs">
        <Link href="/">Runs</Link> /{" "}
        {projectId && (
          <Link href={`/p/${projectId}/runs`}>{projects.data?.find((one) => one.id === projectId)?.name ?? "project"}</Link>
        )}
      </div>
      <div className="title">
        <h1>{task.name}</h1>
        <Actions task={task} />
      </div>
      <div className="facts">
        <Status status={task.status} stopping={task.status === "in_progress" && task.status_message === "stopping"} />
        <span>{task.type?.replace("_", " ")}</span>
        <span className="number">{duration(elapsed(task, now))}</span>
        {task.last_worker && <span>on {task.last_worker}</span>}
        <Id id={task.id} />
        {parent && <Link href={`/runs/${parent}`}>parent</Link>}
        {task.tags?.map((tag) => <span key={tag} className="tag">{tag}</span>)}
      </div>
      <Reasons task={task} pipeline={pipeline} />
    </header>
  );
}

function Reasons({ task, pipeline }: { task: Task; pipeline: Pipeline | undefined }) {
  const failed = task.status === "failed";
  const told = [task.status_reason, task.status_message].filter((text, at, all) => text && all.indexOf(text) === at);
  const bad = pipeline?.steps.filter((step) => step.status === "failed" || step.status === "aborted") ?? [];
  return (
    <>
      {(failed || task.status === "stopped") && told.length > 0 && (
        <div className={failed ? "notice bad" : "notice"} role={failed ? "alert" : undefined}>
          <strong>{failed ? "Failed" : "Aborted"}:</strong> {told.join(" — ")}{" "}
          <Link href={`/runs/${task.id}/console`}>Console</Link>
        </div>
      )}
      {pipeline?.reason && !told.includes(pipeline.reason) && <div className="notice bad">{pipeline.reason}</div>}
      {bad.map((step) => (
        <div key={step.name} className="notice bad">
          Step <strong>{step.name}</strong> {step.status}{step.reason ? `: ${step.reason}` : ""}{" "}
          {step.task && <Link href={`/runs/${step.task}/console`}>Console of the step</Link>}
        </div>
      ))}
      {pipeline?.warnings.map((warning) => <div key={warning} className="notice warn">{warning}</div>)}
    </>
  );
}

const ENDED = new Set(["stopped", "failed", "completed", "closed"]);

function Actions({ task }: { task: Task }) {
  const [, navigate] = useLocation();
  const [dialog, setDialog] = useState<RunDialogMode | null>(null);
  const [resetting, setResetting] = useState(false);
  const status = task.status ?? "unknown";

  const act = async (action: string, body: object, done: string) => {
    try {
      await call(action, { task: task.id, ...body });
      await queryClient.invalidateQueries();
      say(done);
    } catch (error) {
      say(error instanceof Error ? error.message : String(error), true);
    }
  };

  const canEnqueue = status === "created" || status === "stopped" || status === "failed";
  const canAbort = status === "queued" || status === "in_progress";
  return (
    <div className="actions">
      <button type="button" className="primary" onClick={() => setDialog("clone")}>Clone</button>
      {status === "created" && <button type="button" onClick={() => navigate(`/runs/${task.id}/configuration`)}>Edit</button>}
      <button
        type="button"
        disabled={!canEnqueue}
        title={canEnqueue ? undefined : "Only a draft, an aborted or a failed run can be enqueued; clone this one."}
        onClick={() => setDialog("enqueue")}
      >
        Enqueue
      </button>
      <button
        type="button"
        disabled={!canAbort}
        title={canAbort ? undefined : "It does not run and waits in no queue."}
        onClick={() => void act("tasks.stop", { include_pipeline_steps: task.type === "controller" }, "Asked to stop")}
      >
        Abort
      </button>
      <button
        type="button"
        disabled={!ENDED.has(status)}
        title={ENDED.has(status) ? undefined : "Only a run that has ended can be reset."}
        onClick={() => setResetting(true)}
      >
        Reset
      </button>
      {dialog && <RunDialog task={task} mode={dialog} onClose={() => setDialog(null)} />}
      {resetting && (
        <Dialog title={`Reset ${task.name}`} onClose={() => setResetting(false)}>
          <p>It becomes a draft again. Its console, plots, artifacts and output models are dropped; code and parameters stay.</p>
          <footer>
            <button type="button" onClick={() => setResetting(false)}>Keep it</button>
            <button
              type="button"
              className="danger"
              onClick={() => {
                setResetting(false);
                void act("tasks.reset", {}, "It is a draft again");
              }}
            >
              Reset
            </button>
          </footer>
        </Dialog>
      )}
    </div>
  );
}
