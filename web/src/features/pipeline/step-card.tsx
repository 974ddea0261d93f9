import { useState } from "react";
import { Link } from "wouter";
import { shown } from "../../lib/format";
import type { Step } from "../../lib/pipeline";
import { duration } from "../../lib/time";
import { Status } from "../../ui/status";
import { runTime } from "./graph";

const CUT = 80;

function Value({ text }: { text: string }) {
  const [whole, setWhole] = useState(false);
  if (text.length <= CUT || whole) return <code>{text}</code>;
  return (
    <code>
      {text.slice(0, CUT)}…{" "}
      <button type="button" className="quiet" onClick={() => setWhole(true)}>more</button>
    </code>
  );
}

export function StepCard({ id, step, now }: { id: string; step: Step; now: number }) {
  const waited = step.queuedAt === undefined ? undefined : (step.startedAt ?? step.endedAt ?? now) - step.queuedAt;
  return (
    <div id={id} className="card" role="tooltip" data-testid="step-card">
      <div className="card-head">
        <strong>{step.name}</strong>
        <Status status={step.status} />
      </div>
      {step.reason && <p className="notice bad">{step.reason}</p>}
      <h4>Parameters overridden by the pipeline</h4>
      {step.overrides.length === 0 ? (
        <p className="faint">none</p>
      ) : (
        <dl className="overrides">
          {step.overrides.map((override) => (
            <div key={override.name}>
              <dt>{override.name}</dt>
              <dd>
                <Value text={shown(override.value)} />
                {override.expression && <code className="expression">{override.expression}</code>}
              </dd>
            </div>
          ))}
        </dl>
      )}
      <p className="card-facts">
        {step.queue && <span>queue {step.queue}</span>}
        {step.worker && <span>worker {step.worker}</span>}
        {waited !== undefined && <span>waited {duration(waited)}</span>}
        {step.startedAt !== undefined && <span>ran {duration(runTime(step, now))}</span>}
        {step.attempt !== undefined && step.attempt > 1 && <span>attempt {step.attempt}</span>}
        {step.task && <Link href={`/runs/${step.task}`}>Open the task</Link>}
      </p>
    </div>
  );
}
