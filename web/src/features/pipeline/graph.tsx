import { Background, Controls, type Edge, Handle, MarkerType, type Node, type NodeProps, Position, ReactFlow } from "@xyflow/react";
import "@xyflow/react/dist/base.css";
import { createContext, memo, useContext, useMemo, useRef, useState } from "react";
import { Link } from "wouter";
import { NODE_HEIGHT, NODE_WIDTH, place } from "../../lib/layout";
import type { Step } from "../../lib/pipeline";
import { duration } from "../../lib/time";
import { lookOf, Status } from "../../ui/status";
import { StepCard } from "./step-card";

type StepNode = Node<{ step: Step }, "step">;

const CARD_WIDTH = 400;
const OPEN_MS = 150;
const CLOSE_MS = 200; // time to reach the card with the pointer

interface Card {
  open: string | null;
  now: number;
  show: (name: string, box: Element | null, delay?: number) => void;
  hide: (delay?: number) => void;
}

interface Opened {
  name: string;
  left: number;
  top: number;
}

/** Below the step, and never beyond the frame's right edge; it may hang out of the frame at the bottom. */
function opened(name: string, box: Element | null, frame: Element | null): Opened | null {
  if (!box || !frame) return null;
  const [step, around] = [box.getBoundingClientRect(), frame.getBoundingClientRect()];
  const left = step.left - around.left + step.width / 2 - CARD_WIDTH / 2;
  return { name, left: Math.max(4, Math.min(left, around.width - CARD_WIDTH - 4)), top: step.bottom - around.top + 6 };
}

const CardContext = createContext<Card>({ open: null, now: 0, show: () => undefined, hide: () => undefined });

export function runTime(step: Step, now: number): number | undefined {
  if (step.startedAt === undefined) return undefined;
  return (step.endedAt ?? (step.status === "running" ? now : step.startedAt)) - step.startedAt;
}

const StepBox = memo(function StepBox({ data }: NodeProps<StepNode>) {
  const { step } = data;
  const card = useContext(CardContext);
  const id = `card-${step.name}`;
  const shared = {
    "data-testid": `step-${step.name}`,
    className: `step tone-edge-${lookOf(step.status).tone}`,
    "aria-describedby": card.open === step.name ? id : undefined,
    onMouseEnter: (event: React.MouseEvent) => card.show(step.name, event.currentTarget),
    onMouseLeave: () => card.hide(),
    onFocus: (event: React.FocusEvent) => card.show(step.name, event.currentTarget, 0),
    onBlur: () => card.hide(),
    onKeyDown: (event: React.KeyboardEvent) => {
      if (event.key === "Escape") card.hide(0);
    },
  };
  const inner = (
    <>
      <span className="step-name">{step.name}</span>
      <span className="step-line">
        <Status status={step.status} />
        <span className="number">{step.startedAt === undefined ? "" : duration(runTime(step, card.now))}</span>
      </span>
    </>
  );
  return (
    <>
      <Handle type="target" position={Position.Left} isConnectable={false} />
      {step.task ? <Link href={`/runs/${step.task}`} {...shared}>{inner}</Link> : <div tabIndex={0} role="group" {...shared}>{inner}</div>}
      <Handle type="source" position={Position.Right} isConnectable={false} />
    </>
  );
});

const nodeTypes = { step: StepBox };
const HEARS = { pointerEvents: "all" } as const; // a node that can be neither dragged nor selected hears no pointer else

function edgesOf(steps: Step[]): Edge[] {
  const names = new Set(steps.map((step) => step.name));
  return steps.flatMap((step) =>
    step.parents
      .filter((parent) => names.has(parent))
      .map((parent) => ({
        id: `${parent}→${step.name}`,
        source: parent,
        target: step.name,
        focusable: false,
        className: step.status === "running" ? "edge-running" : "",
        markerEnd: { type: MarkerType.ArrowClosed, color: "var(--line-strong)" },
      })),
  );
}

export function Graph({ steps, now }: { steps: Step[]; now: number }) {
  const [open, setOpen] = useState<Opened | null>(null);
  const frame = useRef<HTMLDivElement>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const shape = JSON.stringify(steps.map(({ name, parents }) => ({ name, parents })));
  const placed = useMemo(() => place(JSON.parse(shape) as { name: string; parents: string[] }[]), [shape]);
  const nodes = useMemo<StepNode[]>(
    () =>
      placed.flatMap(({ name, x, y }) => {
        const step = steps.find((one) => one.name === name);
        return step
          ? [{ id: name, type: "step", position: { x, y }, width: NODE_WIDTH, height: NODE_HEIGHT, data: { step }, focusable: false, style: HEARS }]
          : [];
      }),
    [placed, steps],
  );
  const edges = useMemo(() => edgesOf(steps), [steps]);
  const height = Math.min(560, Math.max(0, ...placed.map((one) => one.y)) + NODE_HEIGHT + 64);

  const card = useMemo<Card>(() => {
    const later = (next: () => Opened | null, delay: number) => {
      clearTimeout(timer.current);
      timer.current = setTimeout(() => setOpen(next()), delay);
    };
    return {
      open: open?.name ?? null,
      now,
      show: (name, box, delay = OPEN_MS) => later(() => opened(name, box, frame.current), delay),
      hide: (delay = CLOSE_MS) => later(() => null, delay),
    };
  }, [open, now]);
  const shownStep = open && steps.find((step) => step.name === open.name);

  return (
    <CardContext value={card}>
      <div ref={frame} className="graph" style={{ height }} role="group" aria-label={`Pipeline of ${steps.length} steps`}>
        <ReactFlow
          nodes={nodes}
          edges={edges}
          nodeTypes={nodeTypes}
          fitView
          fitViewOptions={{ maxZoom: 1, padding: 0.15 }}
          minZoom={0.1}
          nodesDraggable={false}
          nodesConnectable={false}
          elementsSelectable={false}
          preventScrolling={false}
          zoomOnScroll={false}
          proOptions={{ hideAttribution: false }}
          onMoveStart={(event) => event && setOpen(null)}
        >
          <Background gap={24} size={1} color="var(--line)" />
          <Controls showInteractive={false} />
        </ReactFlow>
        {open && shownStep && (
          <div
            className="card-place"
            style={{ left: open.left, top: open.top }}
            onMouseEnter={() => clearTimeout(timer.current)}
            onMouseLeave={() => card.hide()}
            onFocus={() => clearTimeout(timer.current)}
            onBlur={() => card.hide()}
          >
            <StepCard id={`card-${shownStep.name}`} step={shownStep} now={now} />
          </div>
        )}
      </div>
    </CardContext>
  );
}
