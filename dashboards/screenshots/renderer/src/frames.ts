/** Prometheus's answers as the frames that Grafana's data source makes of them. */

import { type DataFrame, FieldType, createDataFrame } from "@grafana/data";
import type { Document, Panel, Series, Target } from "./types";

const number = (text: string) => (text === "+Inf" ? Infinity : text === "-Inf" ? -Infinity : Number(text));

export function framesOf(panel: Panel, { results, from, to, steps, variables }: Document): DataFrame[] {
  const step = steps[panel.id];
  const several = panel.targets.length > 1;
  return panel.targets.flatMap((written) => {
    const target = { ...written, legendFormat: fillIn(written.legendFormat, variables) };
    const found = results[panel.id]?.[target.refId] ?? [];
    switch (target.format) {
      case "table":
        return found.length ? [table(target, found, several)] : [];
      case "heatmap":
        return found.length ? [buckets(target, found, from, to, step)] : [];
      default:
        return found.map((series) => line(target, series, from, to, step));
    }
  });
}

function legend(target: Target, metric: Series["metric"]): string {
  return target.legendFormat.replace(/{{\s*(\w+)\s*}}/g, (_, label) => metric[label] ?? "");
}

function line(target: Target, series: Series, from: number, to: number, step: number): DataFrame {
  const samples = series.values ?? [series.value!];
  const [times, values] = series.value
    ? [[1000 * series.value[0]], samples.map(([, value]) => number(value))]
    : onGrid(series, from, to, step);
  const name = legend(target, series.metric);
  return createDataFrame({
    refId: target.refId,
    name,
    fields: [
      { name: "Time", type: FieldType.time, values: times, config: {} },
      {
        name: "Value",
        type: FieldType.number,
        values,
        labels: series.metric,
        config: { displayNameFromDS: name },
      },
    ],
  });
}

/** A value for each step, null where there is none: so that lines break. */
function onGrid(series: Series, from: number, to: number, step: number): [number[], (number | null)[]] {
  const there = new Map(series.values!.map(([time, value]) => [Math.round(1000 * time), number(value)]));
  const times = Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, index) => from + index * step);
  return [times, times.map((time) => there.get(time) ?? null)];
}

function table(target: Target, found: Series[], several: boolean): DataFrame {
  const labels = [...new Set(found.flatMap(({ metric }) => Object.keys(metric)))].sort();
  return createDataFrame({
    refId: target.refId,
    fields: [
      { name: "Time", type: FieldType.time, values: found.map(({ value }) => 1000 * value![0]), config: {} },
      ...labels.map((label) => ({
        name: label,
        type: FieldType.string,
        values: found.map(({ metric }) => metric[label] ?? ""),
        config: {},
      })),
      {
        name: several ? `Value #${target.refId}` : "Value",
        type: FieldType.number,
        values: found.map(({ value }) => number(value![1])),
        config: {},
      },
    ],
  });
}

/** A field for each bucket, from the lowest bound, less what the buckets below it have already. */
function buckets(target: Target, found: Series[], from: number, to: number, step: number): DataFrame {
  const ordered = [...found].sort((one, other) => number(one.metric.le) - number(other.metric.le));
  const columns = ordered.map((series) => onGrid(series, from, to, step)[1]);
  return createDataFrame({
    refId: target.refId,
    fields: [
      { name: "Time", type: FieldType.time, values: onGrid(ordered[0], from, to, step)[0], config: {} },
      ...columns.map((column, index) => ({
        name: ordered[index].metric.le,
        type: FieldType.number,
        values: column.map((value, row) => (value === null ? null : value - (columns[index - 1]?.[row] ?? 0))),
        config: {},
      })),
    ],
  });
}

/** The text with what is chosen in place of variables. */
export function fillIn(text: string, variables: Document["variables"]): string {
  return text.replace(/\$(\w+)/g, (found, name) => variables[name] ?? found);
}
