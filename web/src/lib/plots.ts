// What a reported plot needs: our own graph, an image, a plain table, or Plotly.
import type { PlotEvent } from "../api/types";

export interface Figure {
  data: Record<string, unknown>[];
  layout: Record<string, unknown>;
}

export type Drawn =
  | { kind: "image"; source: string }
  | { kind: "table"; header: string[]; rows: string[][] }
  | { kind: "plotly"; figure: Figure }
  | { kind: "broken"; reason: string };

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Traces that only span the axes under an image. */
function isInvisible(trace: Record<string, unknown>): boolean {
  return trace.opacity === 0 || trace.visible === false || (isMap(trace.marker) && trace.marker.opacity === 0);
}

function imageOf(figure: Figure): string | undefined {
  const images = figure.layout.images;
  if (!Array.isArray(images) || images.length !== 1) return undefined;
  const source = isMap(images[0]) ? images[0].source : undefined;
  const drawn = figure.data.some((trace) => Array.isArray(trace.x) && trace.x.length > 1 && !isInvisible(trace));
  return typeof source === "string" && /^(data:image\/|https?:)/.test(source) && !drawn ? source : undefined;
}

function flat(value: unknown): string {
  const text = Array.isArray(value) ? value.map(flat).join(" ") : value == null ? "" : String(value);
  return text.replace(/<br\s*\/?>/gi, "\n").replace(/<[^>]*>/g, "");
}

function tableOf(figure: Figure): Drawn | undefined {
  const trace = figure.data[0];
  if (figure.data.length !== 1 || trace?.type !== "table") return undefined;
  const header = isMap(trace.header) && Array.isArray(trace.header.values) ? trace.header.values : [];
  const columns = isMap(trace.cells) && Array.isArray(trace.cells.values) ? (trace.cells.values as unknown[]) : [];
  const lists = columns.map((column) => (Array.isArray(column) ? column : [column]));
  const length = Math.max(0, ...lists.map((column) => column.length));
  const rows = Array.from({ length }, (_, row) => lists.map((column) => flat(column[row])));
  return { kind: "table", header: header.map(flat), rows };
}

export function drawn(event: PlotEvent): Drawn {
  let document: unknown;
  try {
    document = JSON.parse(event.plot_str ?? "");
  } catch {
    return { kind: "broken", reason: "the plot is not JSON" };
  }
  if (!isMap(document)) return { kind: "broken", reason: "the plot is not a Plotly figure" };
  const data = Array.isArray(document.data) ? document.data.filter(isMap) : [];
  const figure: Figure = { data, layout: isMap(document.layout) ? document.layout : {} };
  const source = imageOf(figure);
  if (source) return { kind: "image", source };
  return tableOf(figure) ?? { kind: "plotly", figure };
}

/** The two plots by which Trains and ClearML show a pipeline; where we draw the graph ourselves they step back. */
export function isPipelinePlot(event: PlotEvent): boolean {
  return event.metric === "Pipeline" || event.metric === "Pipeline Details";
}
