import { Link } from "wouter";
import type { Step } from "../../lib/pipeline";
import { duration } from "../../lib/time";
import { lookOf } from "../../ui/status";
import { runTime } from "./graph";

/** One bar a step: waiting in the queue is hatched, running is solid. */
export function Timeline({ steps, now }: { steps: Step[]; now: number }) {
  const times = steps.flatMap((step) => [step.queuedAt, step.startedAt, step.endedAt].filter((at) => at !== undefined));
  if (times.length === 0) return null;
  const open = steps.some((step) => step.status === "running" || step.status === "queued");
  const from = Math.min(...times);
  const span = Math.max(1, Math.max(...times, open ? now : 0) - from);
  const percent = (length: number) => `${(Math.max(0, length) / span) * 100}%`;
  return (
    <section className="timeline" aria-label="Timeline">
      <h3>Timeline <span className="faint">{duration(span)}</span></h3>
      {steps.map((step) => {
        const live = step.status === "running" || step.status === "queued";
        const end = step.endedAt ?? (live ? now : step.startedAt);
        const { tone, word } = lookOf(step.status);
        const waited = step.queuedAt === undefined ? undefined : (step.startedAt ?? end ?? step.queuedAt) - step.queuedAt;
        const ran = runTime(step, now);
        const told = [word, waited !== undefined && `waited ${duration(waited)}`, ran !== undefined && `ran ${duration(ran)}`].filter(Boolean).join(", ");
        return (
          <div key={step.name} className="lane">
            <span className="lane-name">{step.task ? <Link href={`/runs/${step.task}`}>{step.name}</Link> : step.name}</span>
            <span className="lane-track" role="img" aria-label={`${step.name}: ${told}`} title={told}>
              {step.queuedAt !== undefined && waited !== undefined && (
                <span className="bar-wait" style={{ left: percent(step.queuedAt - from), width: percent(waited) }} />
              )}
              {step.startedAt !== undefined && ran !== undefined && (
                <span className={`bar-run tone-${tone}`} style={{ left: percent(step.startedAt - from), width: percent(ran) }} />
              )}
            </span>
            <span className="lane-time number">{ran === undefined ? "" : duration(ran)}</span>
          </div>
        );
      })}
      <p className="faint legend"><span className="swatch hatched" /> in the queue <span className="swatch solid" /> running</p>
    </section>
  );
}
