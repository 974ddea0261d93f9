import { type FormEvent, useState } from "react";
import { useLocation } from "wouter";
import { call } from "../../api/client";
import { queryClient, useQueues } from "../../api/queries";
import type { Queue, Task } from "../../api/types";
import { Dialog, Trouble } from "../../ui/bits";
import { say } from "../../ui/toasts";
import { type Edits, edited, ParameterFields, parametersOf } from "./parameter-fields";

export type RunDialogMode = "clone" | "enqueue";
const LAST_QUEUE = "trackside-queue";

function nameOf(queue: Queue): string {
  return queue.display_name ?? queue.name ?? queue.id;
}

function usualQueue(queues: Queue[], task: Task): Queue | undefined {
  const wanted = task.type === "controller" ? "services" : (localStorage.getItem(LAST_QUEUE) ?? "default");
  return queues.find((queue) => queue.name === wanted) ?? queues.find((queue) => queue.name === "default") ?? queues[0];
}

/** Clone, change, enqueue; or, for a task that is there already, change and enqueue it. */
export function RunDialog({ task, mode, onClose }: { task: Task; mode: RunDialogMode; onClose: () => void }) {
  const [, navigate] = useLocation();
  const queues = useQueues();
  const [name, setName] = useState(mode === "clone" ? `Clone of ${(task.name ?? "").replace(/^clone of /i, "")}` : (task.name ?? ""));
  const [chosen, setChosen] = useState<string | null>(null);
  const [edits, setEdits] = useState<Edits>({});
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const [draft, setDraft] = useState<string | null>(mode === "enqueue" ? task.id : null);

  const parameters = parametersOf(task.hyperparams);
  const queue = queues.data?.find((one) => one.id === chosen) ?? usualQueue(queues.data ?? [], task);
  const unwatched = queue !== undefined && (queue.workers ?? []).length === 0;
  const editable = mode === "clone" || task.status === "created";

  // A second try after a failure goes on with the draft that the first one made.
  const prepare = async (): Promise<string> => {
    let id = draft;
    if (id === null) {
      id = (await call<{ id: string }>("tasks.clone", { task: task.id, new_task_name: name })).id;
      setDraft(id);
    }
    const hyperparams = edited(parameters, edits);
    if (hyperparams.length > 0) await call("tasks.edit_hyper_params", { task: id, hyperparams, replace_hyperparams: "none" });
    return id;
  };

  const enqueue = async (id: string, target: Queue) => {
    const reply = await call<{ queue_watched?: boolean }>("tasks.enqueue", { task: id, queue: target.id, verify_watched_queue: true });
    if (task.type !== "controller" && target.name) localStorage.setItem(LAST_QUEUE, target.name);
    if (reply.queue_watched === false) {
      say(`Enqueued, but no worker listens to ${nameOf(target)}: it waits until one does (trackside agent --queue ${nameOf(target)}).`, true);
    } else say(`Enqueued on ${nameOf(target)}`);
  };

  const submit = async (run: boolean) => {
    setBusy(true);
    setError(null);
    try {
      const id = await prepare();
      if (run && queue) await enqueue(id, queue);
      await queryClient.invalidateQueries();
      onClose();
      navigate(`/runs/${id}/${run ? "overview" : "configuration"}`);
    } catch (cause) {
      setError(cause);
      setBusy(false);
    }
  };

  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    void submit(true);
  };

  return (
    <Dialog title={mode === "clone" ? `Clone “${task.name}”` : `Enqueue “${task.name}”`} onClose={onClose} testId={`${mode}-dialog`}>
      <form onSubmit={onSubmit}>
        <div className="body">
          {error !== null && (
            <>
              <Trouble error={error} />
              {mode === "clone" && draft && <p className="faint">The clone was made and kept as a draft; trying again goes on with it.</p>}
            </>
          )}
          {mode === "clone" && (
            <label>
              Name
              <input value={name} minLength={3} required disabled={draft !== null} onChange={(event) => setName(event.target.value)} />
            </label>
          )}
          {editable && parameters.length > 0 && (
            <ParameterFields parameters={parameters} edits={edits} onEdit={(key, value) => setEdits((old) => ({ ...old, [key]: value }))} />
          )}
          <label>
            Queue
            <select value={queue?.id ?? ""} onChange={(event) => setChosen(event.target.value)}>
              {queues.data?.map((one) => (
                <option key={one.id} value={one.id}>
                  {nameOf(one)} ({one.entries?.length ?? 0} waiting, {one.workers?.length ?? 0} {one.workers?.length === 1 ? "worker" : "workers"})
                </option>
              ))}
            </select>
          </label>
          {queues.error && <Trouble error={queues.error} />}
          {unwatched && <div className="notice warn">No worker listens to this queue ({nameOf(queue)}). The run will wait until one does.</div>}
        </div>
        <footer>
          {mode === "clone" && <button type="button" disabled={busy} onClick={() => void submit(false)}>Save as draft</button>}
          <button type="submit" className="primary" disabled={busy || !queue}>
            {busy ? "Enqueueing …" : `Run on ${queue ? nameOf(queue) : "a queue"}`}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
