// The server says what changed; we ask again for what is on the screen. Nothing is polled.
import { useEffect, useSyncExternalStore } from "react";
import { ROOT } from "./client";
import { queryClient } from "./queries";

export type LiveState = "connecting" | "live" | "offline";

interface Change {
  kind: string;
  id?: string;
}

const REOPEN_MS = 3000;
const GATHER_MS = 150; // a burst of changes is one refetch

let state: LiveState = "connecting";
let source: EventSource | null = null;
let users = 0;
let timer: ReturnType<typeof setTimeout> | undefined;
let reopening: ReturnType<typeof setTimeout> | undefined;
let waiting: Change[] = [];
const observers = new Set<() => void>();
const listeners = new Set<(change: Change) => void>();

function become(next: LiveState): void {
  state = next;
  for (const tell of observers) tell();
}

function keysOf(change: Change): (string | undefined)[][] {
  const { kind, id } = change;
  if (kind === "task") return [["tasks"], ["task", id], ["plots", id], ["queues"], ["projects"], ["models"]];
  if (kind === "run") return [["run", id]];
  return [["queues"]];
}

function flush(): void {
  timer = undefined;
  const seen = new Set<string>();
  for (const change of waiting.splice(0)) {
    for (const tell of listeners) tell(change);
    for (const key of keysOf(change)) {
      const name = JSON.stringify(key);
      if (seen.has(name)) continue;
      seen.add(name);
      void queryClient.invalidateQueries({ queryKey: key });
    }
  }
}

function open(): void {
  source = new EventSource(`${ROOT}stream`);
  source.onopen = () => {
    // What happened while we were away is not told again.
    if (state !== "live") void queryClient.invalidateQueries();
    for (const tell of listeners) tell({ kind: "reconnected" });
    become("live");
  };
  source.onerror = () => {
    become("offline");
    // The browser tries again by itself, except when something answered that is no stream (a proxy, a restart).
    if (source?.readyState === EventSource.CLOSED) reopening = setTimeout(open, REOPEN_MS);
  };
  source.addEventListener("change", (event) => {
    waiting.push(JSON.parse((event as MessageEvent<string>).data) as Change);
    timer ??= setTimeout(flush, GATHER_MS);
  });
}

/** Keeps the stream open while the caller is on the page. */
export function useStream(): void {
  useEffect(() => {
    if (users++ === 0) open();
    return () => {
      if (--users > 0) return;
      source?.close();
      source = null;
      clearTimeout(timer);
      clearTimeout(reopening);
      timer = undefined;
      waiting = [];
      state = "connecting";
    };
  }, []);
}

export function useLiveState(): LiveState {
  return useSyncExternalStore(
    (tell) => {
      observers.add(tell);
      return () => observers.delete(tell);
    },
    () => state,
  );
}

/** Calls `listener` for each change of the task `id`, and after a gap in the stream. */
export function useTaskChanges(id: string, listener: () => void): void {
  useEffect(() => {
    const hear = (change: Change) => {
      if (change.kind === "reconnected" || (change.kind === "task" && change.id === id)) listener();
    };
    listeners.add(hear);
    return () => void listeners.delete(hear);
  }, [id, listener]);
}
