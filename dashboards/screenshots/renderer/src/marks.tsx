/** Annotations: a dashed line where an alert began to fire, or a version to be served. */

import type { GrafanaTheme2 } from "@grafana/data";
import { type UPlotConfigBuilder, useTheme2 } from "@grafana/ui";
import { useLayoutEffect } from "react";
import type { Document } from "./types";

/** How far apart the samples of a mark are that goes on, as the queries of annotations say. */
const STEP_SECONDS = 60;

/** When each mark begins, with its colour: the first time, and each after a gap. */
export function marksOf({ dashboard, marks }: Document, theme: GrafanaTheme2): { time: number; color: string }[] {
  return dashboard.annotations.list.flatMap(({ name, iconColor }) =>
    (marks[name] ?? []).flatMap(({ values = [] }) =>
      values
        .filter(([time], index) => index === 0 || time - values[index - 1][0] > STEP_SECONDS)
        .map(([time]) => ({ time: 1000 * time, color: theme.visualization.getColorByName(iconColor) })),
    ),
  );
}

export function Marks({ config, made }: { config: UPlotConfigBuilder; made: Document }) {
  const theme = useTheme2();
  useLayoutEffect(() => {
    config.addHook("draw", (plot) => {
      const { ctx, bbox } = plot;
      ctx.save();
      ctx.setLineDash([4, 4]);
      for (const { time, color } of marksOf(made, theme)) {
        const x = plot.valToPos(time, "x", true);
        ctx.strokeStyle = ctx.fillStyle = color;
        ctx.beginPath();
        ctx.moveTo(x, bbox.top);
        ctx.lineTo(x, bbox.top + bbox.height);
        ctx.stroke();
        ctx.beginPath();
        ctx.moveTo(x - 5, bbox.top + bbox.height + 6);
        ctx.lineTo(x + 5, bbox.top + bbox.height + 6);
        ctx.lineTo(x, bbox.top + bbox.height);
        ctx.fill();
      }
      ctx.restore();
    });
  }, [config, made, theme]);
  return null;
}
