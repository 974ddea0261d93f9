import { createColumnHelper, tableFeatures, useTable } from "@tanstack/react-table";
import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, useCallback, useDeferredValue, useEffect, useMemo, useRef, useState } from "react";
import { Link, useLocation, useSearchParams } from "wouter";
import { PAGE, type RunFilter, useProjects, useTasks } from "../../api/queries";
import type { Task } from "../../api/types";
import { idOf } from "../../lib/format";
import { duration, parseTime } from "../../lib/time";
import { Time, Trouble, useNow } from "../../ui/bits";
import { lookOf, Status } from "../../ui/status";

const ROW = 32;
const STATUSES = ["created", "queued", "in_progress", "completed", "failed", "stopped", "published"];
const features = tableFeatures({});
const column = createColumnHelper<typeof features, Row>();

interface Row {
  task: Task;
  project: string;
  now: number;
}

export function elapsed(task: Task, now: number): number | undefined {
  const started = parseTime(task.started);
  if (task.status === "in_progress") return started === undefined ? undefined : now - started;
  const ended = parseTime(task.completed);
  if (started !== undefined && ended !== undefined && ended >= started) return ended - started;
  return task.active_duration === undefined ? undefined : task.active_duration * 1000; // whole seconds
}

// `sort` is the server's field: the server sorts, so that the order holds beyond the rows that are loaded.
const columns = column.columns([
  column.accessor((row) => row.task.name, {
    id: "name",
    header: "Name",
    cell: ({ row }) => (
      <Link tabIndex={-1} href={`/runs/${row.original.task.id}`}>
        {row.original.task.name ?? row.original.task.id}
      </Link>
    ),
  }),
  column.accessor((row) => row.task.type, { id: "type", header: "Type", cell: ({ row }) => row.original.task.type?.replace("_", " ") }),
  column.accessor((row) => row.task.status, {
    id: "status",
    header: "Status",
    cell: ({ row }) => <Status status={row.original.task.status} stopping={isStopping(row.original.task)} />,
  }),
  column.accessor((row) => row.project, { id: "project", header: "Project" }),
  column.accessor((row) => row.task.started, {
    id: "started",
    header: "Started",
    cell: ({ row }) => <Time at={parseTime(row.original.task.started)} now={row.original.now} />,
  }),
  column.accessor((row) => row.task.active_duration, {
    id: "active_duration",
    header: "Duration",
    cell: ({ row }) => <span className="number">{duration(elapsed(row.original.task, row.original.now))}</span>,
  }),
  column.accessor((row) => row.task.last_update, {
    id: "last_update",
    header: "Last update",
    cell: ({ row }) => <Time at={parseTime(row.original.task.last_update)} now={row.original.now} />,
  }),
  column.accessor((row) => row.task.tags, {
    id: "tags",
    header: "Tags",
    cell: ({ row }) => row.original.task.tags?.map((tag) => <span key={tag} className="tag">{tag}</span>),
  }),
]);

function isStopping(task: Task): boolean {
  return task.status === "in_progress" && task.status_message === "stopping";
}

function useFilter(project: string): [RunFilter, (change: Partial<RunFilter>) => void] {
  const [search, setSearch] = useSearchParams();
  const filter = useMemo(
    () => ({
      text: search.get("q") ?? "",
      status: search.get("status") ?? "",
      project: search.get("project") ?? (project === "*" ? "" : project),
      sort: search.get("sort") ?? "-last_update",
    }),
    [search, project],
  );
  const change = useCallback(
    (part: Partial<RunFilter>) => {
      const names = { text: "q", status: "status", project: "project", sort: "sort" } as const;
      setSearch(
        (old) => {
          const next = new URLSearchParams(old);
          for (const [name, value] of Object.entries(part)) {
            const key = names[name as keyof RunFilter];
            if (value) next.set(key, value);
            else next.delete(key);
          }
          return next;
        },
        { replace: "text" in part },
      );
    },
    [setSearch],
  );
  return [filter, change];
}

export function RunsPage({ project }: { project: string }) {
  const [filter, change] = useFilter(project);
  const asked = useDeferredValue(filter);
  const query = useTasks(asked);
  const projects = useProjects();
  const search = useRef<HTMLInputElement>(null);

  const tasks = useMemo(() => query.data?.pages.flatMap((page) => page.tasks) ?? [], [query.data]);
  const total = query.data?.pages[0]?.total;
  const now = useNow(true, tasks.some((task) => task.status === "in_progress") ? 1000 : 15_000);
  const names = useMemo(() => new Map(projects.data?.map((one) => [one.id, one.name ?? one.id])), [projects.data]);
  const rows = useMemo<Row[]>(
    () => tasks.map((task) => ({ task, project: names.get(idOf(task.project) ?? "") ?? "", now })),
    [tasks, names, now],
  );

  useEffect(() => {
    document.title = "Runs · Trackside";
    const focusSearch = (event: globalThis.KeyboardEvent) => {
      const busy = event.target instanceof HTMLElement && /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
      if (event.key !== "/" || busy) return;
      event.preventDefault();
      search.current?.focus();
    };
    window.addEventListener("keydown", focusSearch);
    return () => window.removeEventListener("keydown", focusSearch);
  }, []);

  const filtered = Boolean(filter.text || filter.status || filter.project);
  return (
    <div className="runs">
      <div className="tools">
        <h1>{filter.project ? (names.get(filter.project) ?? "Runs") : "Runs"}</h1>
        <input
          ref={search}
          type="search"
          aria-label="Filter by name, id or tag"
          placeholder="Filter by name, id or tag  ( / )"
          value={filter.text}
          onChange={(event) => change({ text: event.target.value })}
        />
        <select aria-label="Status" value={filter.status} onChange={(event) => change({ status: event.target.value })}>
          <option value="">Any status</option>
          {STATUSES.map((status) => (
            <option key={status} value={status}>{lookOf(status).word}</option>
          ))}
        </select>
        <select aria-label="Project" value={filter.project} onChange={(event) => change({ project: event.target.value })}>
          <option value="">All projects</option>
          {projects.data?.map((one) => (
            <option key={one.id} value={one.id}>{one.name}</option>
          ))}
        </select>
        <span className="grow" />
        <span className="faint" role="status">
          {query.data && (total === undefined ? `${rows.length} shown` : `${total} runs`)}
        </span>
      </div>
      {query.error && <Trouble error={query.error} retry={() => void query.refetch()} />}
      {query.data && rows.length === 0 && <Empty filtered={filtered} clear={() => change({ text: "", status: "", project: "" })} />}
      {rows.length > 0 && (
        <Grid
          rows={rows}
          total={total ?? rows.length}
          sort={filter.sort}
          onSort={(sort) => change({ sort })}
          more={() => {
            if (query.hasNextPage && !query.isFetchingNextPage) void query.fetchNextPage();
          }}
        />
      )}
    </div>
  );
}

function Empty({ filtered, clear }: { filtered: boolean; clear: () => void }) {
  if (filtered) {
    return (
      <div className="empty">
        <p>No run matches.</p>
        <button type="button" onClick={clear}>Show all runs</button>
      </div>
    );
  }
  return (
    <div className="empty">
      <p>No runs yet. Run a script with these lines and it appears here within a second.</p>
      <pre>{'from trackside import Task\n\ntask = Task.init(project_name="examples", task_name="first run")'}</pre>
    </div>
  );
}

interface GridProps {
  rows: Row[];
  total: number;
  sort: string;
  onSort: (sort: string) => void;
  more: () => void;
}

function Grid({ rows, total, sort, onSort, more }: GridProps) {
  const [, navigate] = useLocation();
  const [current, setCurrent] = useState(0);
  const scroller = useRef<HTMLDivElement>(null);
  const table = useTable({ features, columns, data: rows, getRowId: (row) => row.task.id });
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW,
    overscan: 8,
  });
  const items = virtual.getVirtualItems();
  const end = items.at(-1)?.index ?? 0;

  useEffect(() => {
    if (end >= rows.length - PAGE / 4) more();
  }, [end, rows.length, more]);

  const onKeyDown = (event: KeyboardEvent) => {
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 400) / ROW) - 2);
    const steps: Record<string, number> = {
      ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: page, PageUp: -page, Home: -rows.length, End: rows.length,
    };
    const step = steps[event.key];
    if (step !== undefined) {
      event.preventDefault();
      const next = Math.min(rows.length - 1, Math.max(0, current + step));
      setCurrent(next);
      virtual.scrollToIndex(next);
    } else if (event.key === "Enter") {
      const row = rows[current];
      if (row) navigate(`/runs/${row.task.id}`);
    }
  };

  const all = table.getRowModel().rows;
  return (
    <div
      ref={scroller}
      className="grid"
      role="grid"
      aria-label="Runs"
      aria-rowcount={total + 1}
      aria-activedescendant={all[current] ? `row-${all[current].id}` : undefined}
      tabIndex={0}
      onKeyDown={onKeyDown}
    >
      <div role="rowgroup" className="grid-head">
        {table.getHeaderGroups().map((group) => (
          <div role="row" key={group.id} className="grid-row" aria-rowindex={1}>
            {group.headers.map((header) => {
              const up = sort === header.column.id;
              const down = sort === `-${header.column.id}`;
              return (
                <div key={header.id} role="columnheader" aria-sort={up ? "ascending" : down ? "descending" : "none"}>
                  <button type="button" className="quiet" onClick={() => onSort(down ? header.column.id : `-${header.column.id}`)}>
                    <table.FlexRender header={header} />
                    <span aria-hidden="true">{up ? " ↑" : down ? " ↓" : ""}</span>
                  </button>
                </div>
              );
            })}
          </div>
        ))}
      </div>
      <div role="rowgroup" className="grid-body" style={{ height: virtual.getTotalSize() }}>
        {items.map((item) => {
          const row = all[item.index];
          return (
            row && (
              <div
                key={row.id}
                id={`row-${row.id}`}
                role="row"
                aria-rowindex={item.index + 2}
                aria-selected={item.index === current}
                className="grid-row"
                data-testid="run-row"
                style={{ transform: `translateY(${item.start}px)` }}
                onClick={() => setCurrent(item.index)}
                onDoubleClick={() => navigate(`/runs/${row.id}`)}
              >
                {row.getAllCells().map((cell) => (
                  <div role="gridcell" key={cell.id} className={`cell-${cell.column.id}`}>
                    <table.FlexRender cell={cell} />
                  </div>
                ))}
              </div>
            )
          );
        })}
      </div>
    </div>
  );
}
