import { useSyncExternalStore } from "react";

interface Toast {
  id: number;
  text: string;
  bad: boolean;
}

let toasts: Toast[] = [];
let last = 0;
const observers = new Set<() => void>();

function set(next: Toast[]): void {
  toasts = next;
  for (const tell of observers) tell();
}

export function say(text: string, bad = false): void {
  const id = ++last;
  set([...toasts, { id, text, bad }]);
  setTimeout(() => set(toasts.filter((toast) => toast.id !== id)), bad ? 15_000 : 6000);
}

export function Toasts() {
  const shown = useSyncExternalStore(
    (tell) => {
      observers.add(tell);
      return () => observers.delete(tell);
    },
    () => toasts,
  );
  return (
    <div className="toasts" role="status" aria-live="polite">
      {shown.map((toast) => (
        <div key={toast.id} className={toast.bad ? "toast bad" : "toast"}>
          {toast.text}
          <button type="button" className="quiet" aria-label="Close" onClick={() => set(toasts.filter((one) => one !== toast))}>
            ✕
          </button>
        </div>
      ))}
    </div>
  );
}
