// The strict bundle: it needs no eval, so the page's policy can forbid it.
import Plotly from "plotly.js-strict-dist-min";
import { useEffect, useRef } from "react";
import type { Figure } from "../../lib/plots";

export default function PlotlyPlot({ figure, label }: { figure: Figure; label: string }) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const style = getComputedStyle(element);
    const layout = {
      ...figure.layout,
      autosize: true,
      width: undefined,
      height: undefined,
      // the real colour, not transparent: Plotly picks the colour of a sankey's links against it
      paper_bgcolor: style.backgroundColor,
      plot_bgcolor: style.backgroundColor,
      font: { family: style.fontFamily, size: 12, color: style.color },
    };
    void Plotly.react(element, figure.data, layout, { responsive: true, displaylogo: false });
    return () => Plotly.purge(element);
  }, [figure]);
  return <div ref={place} className="plotly-plot" role="img" aria-label={label} />;
}
