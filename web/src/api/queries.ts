// What pages ask for, by key. live.ts names the same keys when the server says that something changed.
import { keepPreviousData, QueryClient, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { ApiError, call } from "./client";
import type { Model, PlotEvent, Project, Queue, Run, Task } from "./types";

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: Number.POSITIVE_INFINITY, // the stream says when something is stale
      refetchOnWindowFocus: false,
      retry: (count, error) => count < 2 && (!(error instanceof ApiError) || error.status === 0 || error.status >= 500),
    },
  },
});

export const PAGE = 100;

export interface RunFilter {
  text: string;
  status: string;
  project: string;
  sort: string;
}

const COLUMNS = [
  "id", "name", "type", "status", "status_message", "project", "started", "completed",
  "active_duration", "last_update", "tags", "system_tags",
];

function listBody(filter: RunFilter, page: number): object {
  const body: Record<string, unknown> = {
    only_fields: COLUMNS,
    order_by: [filter.sort],
    page,
    page_size: PAGE,
    system_tags: ["-archived"],
  };
  if (filter.project) Object.assign(body, { project: [filter.project], include_subprojects: true });
  if (filter.status) body.status = [filter.status];
  const text = filter.text.trim();
  if (text) body._any_ = { fields: ["name", "id", "tags"], pattern: text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&") };
  return body;
}

export function useTasks(filter: RunFilter) {
  return useInfiniteQuery({
    queryKey: ["tasks", filter],
    queryFn: ({ pageParam, signal }) =>
      call<{ tasks: Task[]; total?: number }>("tasks.get_all_ex", listBody(filter, pageParam), { signal }),
    initialPageParam: 0,
    getNextPageParam: (last, pages) => (last.tasks.length === PAGE ? pages.length : undefined),
    placeholderData: keepPreviousData,
  });
}

export function useProjects() {
  return useQuery({
    queryKey: ["projects"],
    queryFn: ({ signal }) =>
      call<{ projects: Project[] }>("projects.get_all", { only_fields: ["id", "name"], search_hidden: true }, { signal }),
    select: (reply) => reply.projects,
  });
}

export function useTask(id: string) {
  return useQuery({
    queryKey: ["task", id],
    queryFn: ({ signal }) => call<{ task: Task }>("tasks.get_by_id", { task: id }, { signal }),
    select: (reply) => reply.task,
  });
}

/** The run that the server keeps for a controller task, or null when it keeps none. */
export function useRun(id: string, isController: boolean) {
  return useQuery({
    queryKey: ["run", id],
    enabled: isController,
    queryFn: async ({ signal }) => {
      try {
        return (await call<{ run: Run }>("runs.get_by_id", { run: id }, { signal })).run;
      } catch (error) {
        if (error instanceof ApiError && (error.status === 400 || error.status === 404)) return null;
        throw error;
      }
    },
  });
}

export function usePlots(id: string, enabled: boolean) {
  return useQuery({
    queryKey: ["plots", id],
    enabled,
    queryFn: ({ signal }) =>
      call<{ plots: PlotEvent[] }>("events.get_task_plots", { task: id, iters: 1, no_scroll: true }, { signal }),
    select: (reply) => reply.plots,
  });
}

export function useQueues(enabled = true) {
  return useQuery({
    queryKey: ["queues"],
    enabled,
    queryFn: ({ signal }) => call<{ queues: Queue[] }>("queues.get_all_ex", {}, { signal }),
    select: (reply) => reply.queues,
  });
}

export function useModels(ids: string[]) {
  return useQuery({
    queryKey: ["models", ids],
    enabled: ids.length > 0,
    queryFn: ({ signal }) => call<{ models: Model[] }>("models.get_all", { id: ids }, { signal }),
    select: (reply) => reply.models,
  });
}

export function useUser() {
  return useQuery({
    queryKey: ["user"],
    queryFn: ({ signal }) =>
      call<{ user: { id: string; name?: string } }>("users.get_current_user", {}, { signal }),
    select: (reply) => reply.user,
  });
}
