/** Annotations: a dashed line where an alert began to fire, or a version to be served. */

import type { UPlotConfigBuilder } from "@grafana/ui";
import { useLayoutEffect } from "react";
import type { Document } from "./types";

/** When each mark begins, with its colour: the first time, and each after a gap. */
export function marksOf({ dashboard, marks, step }: Document): { time: number; color: string }[] {
  return dashboard.annotations.list.flatMap(({ name, iconColor }) =>
    (marks[name] ?? []).flatMap(({ values = [] }) =>
      values
        .filter(([time], index) => index === 0 || 1000 * (time - values[index - 1][0]) > step)
        .map(([time]) => ({ time: 1000 * time, color: iconColor })),
    ),
  );
}

export function Marks({ config, made }: { config: UPlotConfigBuilder; made: Document }) {
  useLayoutEffect(() => {
    config.addHook("draw", (plot) => {
      const { ctx, bbox } = plot;
      ctx.save();
      ctx.setLineDash([4, 4]);
      for (const { time, color } of marksOf(made)) {
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
  }, [config, made]);
  return null;
}
