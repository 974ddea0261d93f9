import { Background, Controls, type Edge, Handle, MarkerType, type Node, type NodeProps, NodeToolbar, Position, ReactFlow } from "@xyflow/react";
import "@xyflow/react/dist/base.css";
import { createContext, memo, useContext, useMemo, useRef, useState } from "react";
import { Link } from "wouter";
import { NODE_HEIGHT, NODE_WIDTH, place } from "../../lib/layout";
import type { Step } from "../../lib/pipeline";
import { duration } from "../../lib/time";
import { lookOf, Status } from "../../ui/status";
import { StepCard } from "./step-card";

type StepNode = Node<{ step: Step }, "step">;

const OPEN_MS = 150;
const CLOSE_MS = 200; // time to reach the card with the pointer

interface Card {
  open: string | null;
  now: number;
  show: (name: string, delay?: number) => void;
  hide: (delay?: number) => void;
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
    onMouseEnter: () => card.show(step.name),
    onMouseLeave: () => card.hide(),
    onFocus: () => card.show(step.name, 0),
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
      <NodeToolbar isVisible={card.open === step.name} position={Position.Bottom} offset={6}>
        <div onMouseEnter={() => card.show(step.name, 0)} onMouseLeave={() => card.hide()}>
          <StepCard id={id} step={step} now={card.now} />
        </div>
      </NodeToolbar>
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
  const [open, setOpen] = useState<string | null>(null);
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
  const height = Math.min(560, Math.max(0, ...placed.map((one) => one.y)) + NODE_HEIGHT + 190);

  const card = useMemo<Card>(() => {
    const later = (name: string | null, delay: number) => {
      clearTimeout(timer.current);
      timer.current = setTimeout(() => setOpen(name), delay);
    };
    return { open, now, show: (name, delay = OPEN_MS) => later(name, delay), hide: (delay = CLOSE_MS) => later(null, delay) };
  }, [open, now]);

  return (
    <CardContext value={card}>
      <div className="graph" style={{ height }} role="group" aria-label={`Pipeline of ${steps.length} steps`}>
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
        >
          <Background gap={24} size={1} color="var(--line)" />
          <Controls showInteractive={false} />
        </ReactFlow>
      </div>
    </CardContext>
  );
}
