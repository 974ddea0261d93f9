import { useVirtualizer } from "@tanstack/react-virtual";
import { useCallback, useEffect, useRef, useState } from "react";
import { call } from "../../api/client";
import { useTaskChanges } from "../../api/live";
import type { LogEvent } from "../../api/types";
import { pieces } from "../../lib/ansi";
import { Trouble } from "../../ui/bits";

const LINE = 18;
const BATCH = 2000;
const FIRST = 10_000; // lines loaded at once when a log is long; earlier ones on request

interface Log {
  lines: string[];
  from: number; // index of the first event held
  next: number; // index of the first event not yet held
  total: number;
}

const NONE: Log = { lines: [], from: 0, next: 0, total: 0 };

function fetchFrom(task: string, from: number) {
  return call<{ events: LogEvent[]; total: number }>("events.get_task_log", { task, from_index: from, batch_size: BATCH });
}

function linesOf(events: LogEvent[]): string[] {
  return events.flatMap((event) => (event.msg ?? "").replace(/\n$/, "").split("\n"));
}

/** Everything from `log.next` on; from the beginning when the log was reset meanwhile. */
async function catchUp(task: string, start: Log): Promise<Log> {
  let log = start;
  for (;;) {
    const { events, total } = await fetchFrom(task, log.next);
    if (total < log.next) {
      log = NONE;
      continue;
    }
    if (log.next === 0 && total > FIRST) {
      log = { lines: [], from: total - FIRST, next: total - FIRST, total };
      continue;
    }
    if (events.length === 0) return total === log.total ? log : { ...log, total };
    const next = (events.at(-1)?.index ?? log.next + events.length - 1) + 1;
    log = { ...log, lines: [...log.lines, ...linesOf(events)], next, total };
    if (next >= total) return log;
  }
}

function useLog(id: string) {
  const [log, setLog] = useState<Log>(NONE);
  const [error, setError] = useState<unknown>(null);
  const [loaded, setLoaded] = useState(false);
  const held = useRef<Log>(NONE);
  const busy = useRef(false);
  const again = useRef(false);

  const refresh = useCallback(async () => {
    if (busy.current) {
      again.current = true;
      return;
    }
    busy.current = true;
    try {
      do {
        again.current = false;
        held.current = await catchUp(id, held.current);
        setLog(held.current);
      } while (again.current);
      setError(null);
    } catch (cause) {
      setError(cause);
    } finally {
      busy.current = false;
      setLoaded(true);
    }
  }, [id]);

  const earlier = useCallback(async () => {
    const { from } = held.current;
    const start = Math.max(0, from - BATCH);
    const { events } = await fetchFrom(id, start);
    const before = events.filter((event, at) => (event.index ?? start + at) < from);
    held.current = { ...held.current, from: start, lines: [...linesOf(before), ...held.current.lines] };
    setLog(held.current);
  }, [id]);

  useEffect(() => void refresh(), [refresh]);
  useTaskChanges(id, refresh);
  return { log, error, loaded, refresh, earlier };
}

export function Console({ id, status }: { id: string; status: string | undefined }) {
  const { log, error, loaded, refresh, earlier } = useLog(id);
  const [follow, setFollow] = useState(true);
  const [wanted, setWanted] = useState("");
  const scroller = useRef<HTMLDivElement>(null);
  const lines = wanted ? log.lines.filter((line) => line.toLowerCase().includes(wanted.toLowerCase())) : log.lines;
  const virtual = useVirtualizer({
    count: lines.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => LINE,
    overscan: 20,
  });

  useEffect(() => {
    if (follow && lines.length > 0) virtual.scrollToIndex(lines.length - 1, { align: "end" });
  }, [follow, lines.length, virtual]);

  const onScroll = () => {
    const box = scroller.current;
    if (box) setFollow(box.scrollHeight - box.scrollTop - box.clientHeight < LINE * 2);
  };

  return (
    <div className="console">
      <div className="tools">
        <input type="search" placeholder="Show only lines with …" aria-label="Show only lines with" value={wanted} onChange={(event) => setWanted(event.target.value)} />
        <span className="faint">{wanted ? `${lines.length} of ${log.lines.length} lines` : `${log.lines.length} lines`}</span>
        {log.from > 0 && <button type="button" onClick={() => void earlier()}>Load earlier</button>}
        <span className="grow" />
        {follow ? (
          <span className="faint">{status === "in_progress" ? "following" : ""}</span>
        ) : (
          <button type="button" onClick={() => setFollow(true)}>Jump to the end</button>
        )}
      </div>
      {error !== null && <Trouble error={error} retry={() => void refresh()} />}
      {loaded && error === null && log.lines.length === 0 && <p className="faint">Nothing was printed yet.</p>}
      <div ref={scroller} className="lines" tabIndex={0} role="log" aria-label="Console" aria-live="off" onScroll={onScroll}>
        <div style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((item) => (
            <div key={item.key} className="line" style={{ transform: `translateY(${item.start}px)` }}>
              {pieces(lines[item.index] ?? "").map((piece, at) => (
                <span key={at} className={`${piece.colour === undefined ? "" : `ansi-${piece.colour % 8}`} ${piece.bold ? "bold" : ""}`}>
                  {piece.text}
                </span>
              ))}
            </div>
          ))}
        </div>
      </div>
    </div>
  );
}
