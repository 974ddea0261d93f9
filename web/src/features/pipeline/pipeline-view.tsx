import type { Pipeline } from "../../lib/pipeline";
import { useNow } from "../../ui/bits";
import { Graph } from "./graph";
import { Timeline } from "./timeline";
import "./pipeline.css";

export default function PipelineView({ pipeline }: { pipeline: Pipeline }) {
  const active = pipeline.steps.some((step) => step.status === "running" || step.status === "queued");
  const now = useNow(active);
  return (
    <div className="pipeline">
      <Graph steps={pipeline.steps} now={now} />
      <Timeline steps={pipeline.steps} now={now} />
    </div>
  );
}
