/** The panels that Grafana does not publish, drawn by ECharts. */

import {
  type DataFrame,
  type Field,
  FieldType,
  type GrafanaTheme2,
  formattedValueToString,
  getFieldDisplayName,
  getValueFormat,
} from "@grafana/data";
import { useTheme2 } from "@grafana/ui";
import * as echarts from "echarts";
import { useEffect, useRef } from "react";
import { marksOf } from "./marks";
import type { Drawn } from "./panels";
import type { Document } from "./types";

function Chart({ option, width, height }: { option: echarts.EChartsCoreOption; width: number; height: number }) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const chart = echarts.init(place.current, null, { width, height });
    chart.setOption({ animation: false, ...option });
    return () => chart.dispose();
  }, [option, width, height]);
  return <div ref={place} style={{ width, height }} />;
}

const numbers = (frames: DataFrame[]) =>
  frames.flatMap((frame) => frame.fields.filter(({ type }) => type === FieldType.number).map((field) => ({ frame, field })));

function axes(theme: GrafanaTheme2) {
  const lines = { lineStyle: { color: theme.colors.border.weak } };
  const text = { color: theme.colors.text.primary, fontFamily: theme.typography.fontFamily, fontSize: 12 };
  return { axisLabel: text, axisLine: { show: false }, axisTick: { show: false }, splitLine: { show: true, ...lines } };
}

function timeAxis(made: Document, theme: GrafanaTheme2) {
  const time = (value: number) => new Date(value).toISOString().slice(11, 16);
  const common = axes(theme);
  return {
    type: "time",
    min: made.from,
    max: made.to,
    ...common,
    axisLabel: { ...common.axisLabel, formatter: time, hideOverlap: true },
  };
}

function markLines(made: Document, theme: GrafanaTheme2) {
  return {
    symbol: "none",
    silent: true,
    label: { show: false },
    data: marksOf(made, theme).map(({ time, color }) => ({ xAxis: time, lineStyle: { color, type: "dashed", width: 1 } })),
  };
}

/** Where a row's value is of the same colour, from the first time of it to the first of the next. */
function stretches(times: number[], field: Field, step: number): { from: number; to: number; color: string }[] {
  const made: { from: number; to: number; color: string }[] = [];
  field.values.forEach((value, index) => {
    if (value === null || value === undefined) {
      return;
    }
    const { color = "" } = field.display!(value);
    const last = made.at(-1);
    if (last && last.color === color && last.to === times[index]) {
      last.to += step;
    } else {
      made.push({ from: times[index], to: times[index] + step, color });
    }
  });
  return made;
}

export function StateTimeline({ panel, frames, made, width, height }: Drawn) {
  const theme = useTheme2();
  const rows = numbers(frames).slice(0, panel.options.perPage ?? 20);
  const legend = steps(rows[0]?.field, theme);
  const legendHeight = 24;
  const option = {
    grid: { left: 8, right: 12, top: 4, bottom: 4, containLabel: true },
    xAxis: timeAxis(made, theme),
    yAxis: {
      type: "category",
      inverse: true,
      data: rows.map(({ field, frame }) => getFieldDisplayName(field, frame, frames)),
      ...axes(theme),
      splitLine: { show: false },
    },
    series: [
      {
        type: "custom",
        renderItem: (_: unknown, api: any) => {
          const [left, middle] = api.coord([api.value(1), api.value(0)]);
          const [right] = api.coord([api.value(2), api.value(0)]);
          const thick = api.size([0, 1])[1] * panel.options.rowHeight;
          return {
            type: "rect",
            shape: { x: left, y: middle - thick / 2, width: right - left, height: thick },
            style: { fill: api.value(3), opacity: panel.fieldConfig.defaults.custom.fillOpacity / 100 },
          };
        },
        encode: { x: [1, 2], y: 0 },
        clip: true,
        data: rows.flatMap(({ field, frame }, row) =>
          stretches(frame.fields[0].values, field, made.steps[panel.id]).map(({ from, to, color }) => [row, from, to, color]),
        ),
        markLine: markLines(made, theme),
      },
    ],
  };
  return (
    <>
      <Chart option={option} width={width} height={height - legendHeight} />
      <Legend items={legend} />
    </>
  );
}

/** What each colour means: a mapped value's text, or the step's range. */
function steps(field: Field | undefined, theme: GrafanaTheme2): { name: string; color: string }[] {
  const reached = field?.config.thresholds?.steps ?? [];
  return reached.map((step, index) => {
    const text = (value: number) => formattedValueToString(field!.display!(value));
    const mapped = field!.config.mappings?.length;
    const [from, next] = [step.value, reached[index + 1]?.value];
    const name = mapped
      ? text(Number.isFinite(from) ? from : 0)
      : Number.isFinite(from)
        ? `${text(from)}+`
        : next === undefined
          ? ""
          : `< ${text(next)}`;
    return { name, color: theme.visualization.getColorByName(step.color) };
  });
}

function Legend({ items }: { items: { name: string; color: string }[] }) {
  const theme = useTheme2();
  return (
    <div style={{ display: "flex", gap: 16, paddingLeft: 8, fontSize: 12, color: theme.colors.text.primary }}>
      {items.map(({ name, color }) => (
        <span key={name} style={{ display: "flex", alignItems: "center", gap: 6 }}>
          <span style={{ width: 14, height: 4, borderRadius: 2, background: color }} />
          {name}
        </span>
      ))}
    </div>
  );
}

export function Heatmap({ panel, frames, made, width, height }: Drawn) {
  const theme = useTheme2();
  const [time, ...bounds] = frames[0].fields;
  const format = getValueFormat(panel.options.yAxis.unit);
  const least = panel.options.filterValues.le;
  const cells = bounds.flatMap((bound, row) =>
    time.values.map((at: number, index: number) => [at, row, bound.values[index] ?? 0]).filter(([, , count]) => count > least),
  );
  const names = bounds.map(({ name }) => (name === "+Inf" ? "+Inf" : formattedValueToString(format(Number(name)))));
  const common = axes(theme);
  const option = {
    grid: { left: 8, right: 12, top: 8, bottom: 44, containLabel: true },
    xAxis: {
      type: "category",
      data: time.values,
      ...common,
      axisLabel: {
        ...common.axisLabel,
        interval: (_: number, at: string) => Number(at) % 3_600_000 === 0,
        formatter: (at: string) => new Date(Number(at)).toISOString().slice(11, 16),
      },
      splitLine: { show: false },
    },
    yAxis: { type: "category", data: names, ...common, splitLine: { show: false } },
    visualMap: {
      min: 0,
      max: Math.max(...cells.map(([, , count]) => count), 1e-9),
      orient: "horizontal",
      left: 0,
      bottom: 0,
      itemWidth: 10,
      itemHeight: 160,
      precision: 2,
      calculable: false,
      textStyle: { color: theme.colors.text.primary },
      inRange: { color: ["#7f2704", "#d94801", "#fd8d3c", "#fdd0a2", "#fff5eb"] },
    },
    series: [{ type: "heatmap", data: cells.map(([at, row, count]) => [String(at), row, count]), itemStyle: { borderWidth: 0 } }],
  };
  return <Chart option={option} width={width} height={height} />;
}

export function BarChart({ panel, frames, width, height }: Drawn) {
  const theme = useTheme2();
  const [frame] = frames;
  const x = frame.fields.find(({ name, config }) => name === panel.options.xField || config.displayName === panel.options.xField)!;
  const bars = numbers(frames);
  const common = axes(theme);
  const [{ field: first }] = bars;
  const items = bars.map(({ field }, index) => ({
    name: getFieldDisplayName(field, frame, frames),
    color: theme.visualization.getColorByName(theme.visualization.palette[index]),
  }));
  const option = {
    grid: { left: 8, right: 12, top: 8, bottom: 4, containLabel: true },
    xAxis: {
      type: "category",
      data: x.values,
      ...common,
      axisLabel: { ...common.axisLabel, rotate: -panel.options.xTickLabelRotation, interval: 0 },
      splitLine: { show: false },
    },
    yAxis: {
      type: "value",
      min: first.config.min ?? undefined,
      max: first.config.max ?? undefined,
      ...common,
      axisLabel: { ...common.axisLabel, formatter: (value: number) => formattedValueToString(first.display!(value)) },
    },
    series: bars.map(({ field }, index) => ({
      type: "bar",
      data: field.values.map((value: number | null) => value ?? 0),
      itemStyle: { color: items[index].color, opacity: 0.8 },
    })),
  };
  return (
    <>
      <Chart option={option} width={width} height={height - 24} />
      <Legend items={items} />
    </>
  );
}
