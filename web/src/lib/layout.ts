import { graphlib, layout } from "@dagrejs/dagre";

export const NODE_WIDTH = 208;
export const NODE_HEIGHT = 56;

export interface Placed {
  name: string;
  x: number;
  y: number;
}

/** Places steps left to right in layers; parents that do not exist are left out. */
export function place(steps: readonly { name: string; parents: readonly string[] }[]): Placed[] {
  const graph = new graphlib.Graph();
  graph.setGraph({ rankdir: "LR", nodesep: 28, ranksep: 72, marginx: 8, marginy: 8 });
  graph.setDefaultEdgeLabel(() => ({}));
  const names = new Set(steps.map((step) => step.name));
  for (const { name } of steps) graph.setNode(name, { width: NODE_WIDTH, height: NODE_HEIGHT });
  for (const { name, parents } of steps) {
    for (const parent of parents) if (names.has(parent)) graph.setEdge(parent, name);
  }
  layout(graph);
  return steps.map(({ name }) => {
    const at = graph.node(name) as { x: number; y: number };
    return { name, x: at.x - NODE_WIDTH / 2, y: at.y - NODE_HEIGHT / 2 };
  });
}
