import { useEffect, useRef, useState } from "react";
import { ago, exact } from "../lib/time";
import { middle } from "../lib/format";
import { say } from "./toasts";

/** Now, renewed each second while `running`: for durations that grow. */
export function useNow(running: boolean, everyMs = 1000): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!running) return;
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [running, everyMs]);
  return now;
}

export function Time({ at, now }: { at: number | undefined; now?: number }) {
  if (at === undefined) return <span className="faint">–</span>;
  return (
    <time dateTime={new Date(at).toISOString()} title={exact(at)}>
      {now === undefined ? exact(at) : ago(at, now)}
    </time>
  );
}

export function Id({ id }: { id: string }) {
  return (
    <button
      type="button"
      className="id"
      title={`Copy ${id}`}
      onClick={() => void navigator.clipboard?.writeText(id).then(() => say("Copied the id"))}
    >
      {middle(id, 6)}
    </button>
  );
}

export function Trouble({ error, retry }: { error: unknown; retry?: () => void }) {
  return (
    <div className="notice bad" role="alert">
      {error instanceof Error ? error.message : String(error)}
      {retry && (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

/** A modal dialog: the browser traps the focus, closes on Escape and gives the focus back. */
export function Dialog({ title, onClose, children, testId }: { title: string; onClose: () => void; children: React.ReactNode; testId?: string }) {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = element.current;
    if (dialog && !dialog.open) dialog.showModal();
    return () => dialog?.close();
  }, []);
  return (
    <dialog ref={element} aria-label={title} data-testid={testId} onCancel={(event) => {
      event.preventDefault();
      onClose();
    }}>
      <header>
        <h2>{title}</h2>
        <button type="button" className="quiet" aria-label="Close" onClick={onClose}>
          ✕
        </button>
      </header>
      {children}
    </dialog>
  );
}
