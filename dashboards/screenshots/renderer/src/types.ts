import type { DataTransformerConfig, FieldConfigSource } from "@grafana/data";

/** A series as Prometheus answers: `values` of a range, `value` of one time. */
export interface Series {
  metric: Record<string, string>;
  values?: [number, string][];
  value?: [number, string];
}

export interface Target {
  refId: string;
  format: "time_series" | "table" | "heatmap";
  legendFormat: string;
}

export interface Panel {
  id: number;
  type: string;
  title: string;
  description?: string;
  gridPos: { x: number; y: number; w: number; h: number };
  collapsed?: boolean;
  panels?: Panel[];
  targets: Target[];
  transformations?: DataTransformerConfig[];
  fieldConfig: FieldConfigSource;
  options: any;
}

export interface Mark {
  name: string;
  iconColor: string;
}

/** What tests/screenshots/results.py writes of a dashboard; times are in milliseconds. */
export interface Document {
  dashboard: {
    title: string;
    panels: Panel[];
    templating: { list: { name: string; label?: string; type: string }[] };
    annotations: { list: Mark[] };
  };
  from: number;
  to: number;
  steps: Record<string, number>;
  variables: Record<string, string>;
  results: Record<string, Record<string, Series[]>>;
  marks: Record<string, Series[]>;
}
