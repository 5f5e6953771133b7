/** Panels of Grafana's types, by what draws them: Grafana's own components, or else `charts`. */

import {
  type DataFrame,
  DisplayValueAlignmentFactors,
  type FieldDisplay,
  VizOrientation,
  dateTime,
  getDisplayValueAlignmentFactors,
  getFieldDisplayValues,
} from "@grafana/data";
import { BarGauge, BigValue, TimeSeries, VizRepeater, useTheme2 } from "@grafana/ui";
import { TableNG } from "@grafana/ui/unstable";
import type { ComponentType } from "react";
import { BarChart, Heatmap, StateTimeline } from "./charts";
import { Marks } from "./marks";
import type { Document, Panel } from "./types";

export interface Drawn {
  panel: Panel;
  frames: DataFrame[];
  made: Document;
  width: number;
  height: number;
}

export const timeZone = "utc";

function Lines({ panel, frames, made, width, height }: Drawn) {
  const timeRange = { from: dateTime(made.from), to: dateTime(made.to), raw: { from: "now-6h", to: "now" } };
  return (
    <TimeSeries
      frames={frames}
      structureRev={1}
      timeRange={timeRange}
      timeZone={timeZone}
      width={width}
      height={height}
      legend={panel.options.legend}
    >
      {(config: any) => <Marks config={config} made={made} />}
    </TimeSeries>
  );
}

function values({ panel, frames }: Drawn, theme: ReturnType<typeof useTheme2>): FieldDisplay[] {
  return getFieldDisplayValues({
    data: frames,
    fieldConfig: panel.fieldConfig,
    reduceOptions: panel.options.reduceOptions,
    replaceVariables: (text) => text,
    sparkline: panel.options.graphMode === "area",
    theme,
    timeZone,
  });
}

function Stat(drawn: Drawn) {
  const theme = useTheme2();
  const { panel, width, height } = drawn;
  return (
    <VizRepeater
      source={null}
      getValues={() => values(drawn, theme)}
      width={width}
      height={height}
      orientation={VizOrientation.Auto}
      renderCounter={0}
      renderValue={({ value: { display, sparkline }, width, height, count }) => (
        <BigValue
          value={display}
          count={count}
          sparkline={sparkline}
          colorMode={panel.options.colorMode}
          graphMode={panel.options.graphMode}
          justifyMode={panel.options.justifyMode}
          textMode={panel.options.textMode}
          text={panel.options.text}
          width={width}
          height={height}
          theme={theme}
        />
      )}
    />
  );
}

function Bars(drawn: Drawn) {
  const theme = useTheme2();
  const { panel, width, height } = drawn;
  return (
    <VizRepeater<FieldDisplay, DisplayValueAlignmentFactors>
      source={null}
      getValues={() => values(drawn, theme)}
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      width={width}
      height={height}
      orientation={panel.options.orientation}
      minVizHeight={16}
      maxVizHeight={300}
      itemSpacing={8}
      autoGrid
      renderCounter={0}
      renderValue={({ value: { field, display, view, colIndex }, alignmentFactors, width, height, orientation }) => (
        <BarGauge
          value={display}
          field={field}
          display={view?.getFieldDisplayProcessor(colIndex!)}
          text={panel.options.text}
          alignmentFactors={alignmentFactors}
          displayMode={panel.options.displayMode}
          showUnfilled={panel.options.showUnfilled}
          valueDisplayMode={panel.options.valueMode}
          namePlacement={panel.options.namePlacement}
          orientation={orientation}
          width={width}
          height={height}
          theme={theme}
        />
      )}
    />
  );
}

function Rows({ panel, frames, width, height }: Drawn) {
  return (
    <TableNG
      data={frames[0]}
      width={width}
      height={height}
      initialSortBy={panel.options.sortBy}
      cellHeight={panel.options.cellHeight}
      enablePagination={panel.options.footer?.enablePagination}
      structureRev={1}
    />
  );
}

export const PANELS: Record<string, ComponentType<Drawn>> = {
  timeseries: Lines,
  stat: Stat,
  bargauge: Bars,
  table: Rows,
  "state-timeline": StateTimeline,
  heatmap: Heatmap,
  barchart: BarChart,
};
