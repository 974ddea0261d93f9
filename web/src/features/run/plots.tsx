import { lazy, Suspense, useMemo, useState } from "react";
import { usePlots } from "../../api/queries";
import type { PlotEvent } from "../../api/types";
import type { Pipeline } from "../../lib/pipeline";
import { drawn, isPipelinePlot } from "../../lib/plots";
import { Trouble } from "../../ui/bits";

const PipelineView = lazy(() => import("../pipeline/pipeline-view"));
const PlotlyPlot = lazy(() => import("./plotly-plot"));

export function Plots({ id, pipeline }: { id: string; pipeline: Pipeline | undefined }) {
  const query = usePlots(id, true);
  const [originals, setOriginals] = useState(false);
  const plots = query.data ?? [];
  const hidden = pipeline ? plots.filter(isPipelinePlot) : [];
  const shown = originals ? plots : plots.filter((plot) => !hidden.includes(plot));
  return (
    <div className="plots">
      {pipeline && (
        <Suspense fallback={<p>Loading …</p>}>
          <PipelineView pipeline={pipeline} />
        </Suspense>
      )}
      {query.error && <Trouble error={query.error} retry={() => void query.refetch()} />}
      {hidden.length > 0 && (
        <label className="check">
          <input type="checkbox" checked={originals} onChange={(event) => setOriginals(event.target.checked)} />
          Show the pipeline's reported plots as well
        </label>
      )}
      {query.data && shown.length === 0 && !pipeline && (
        <div className="empty">
          <p>No plots yet. Figures that <code>plt.show()</code> draws are recorded, and so is this:</p>
          <pre>{'task.get_logger().report_plotly("title", "series", iteration=0, figure=figure)'}</pre>
        </div>
      )}
      <div className="plot-grid">
        {shown.map((plot) => <Plot key={`${plot.metric}/${plot.variant}/${plot.iter}`} plot={plot} />)}
      </div>
    </div>
  );
}

function Plot({ plot }: { plot: PlotEvent }) {
  const what = useMemo(() => drawn(plot), [plot]);
  const title = [plot.metric, plot.variant].filter(Boolean).join(" / ");
  return (
    <figure>
      <figcaption>{title} <span className="faint">iteration {plot.iter ?? 0}</span></figcaption>
      {what.kind === "image" && <img src={what.source} alt={title} loading="lazy" />}
      {what.kind === "broken" && <div className="notice bad">{what.reason}</div>}
      {what.kind === "plotly" && (
        <Suspense fallback={<div className="plot-wait">Loading the plot …</div>}>
          <PlotlyPlot figure={what.figure} label={title} />
        </Suspense>
      )}
      {what.kind === "table" && (
        <div className="scroll">
          <table>
            <thead><tr>{what.header.map((text, at) => <th key={at}>{text}</th>)}</tr></thead>
            <tbody>
              {what.rows.map((row, at) => <tr key={at}>{row.map((cell, column) => <td key={column}>{cell}</td>)}</tr>)}
            </tbody>
          </table>
        </div>
      )}
    </figure>
  );
}
