/** Frames as a panel has them: transformed, with its field configuration and overrides. */

import {
  type DataFrame,
  type FieldConfigPropertyItem,
  type GrafanaTheme2,
  Registry,
  applyFieldOverrides,
  cacheFieldDisplayNames,
  standardTransformers,
  standardTransformersRegistry,
  transformDataFrame,
} from "@grafana/data";
import { lastValueFrom } from "rxjs";
import { framesOf } from "./frames";
import type { Document, Panel } from "./types";

// Some are there under two names.
const transformers = new Map<string, any>(Object.values(standardTransformers).map((one) => [one.id, one]));
standardTransformersRegistry.setInit(() =>
  [...transformers.values()].map((transformation) => ({
    id: transformation.id,
    aliasIds: [],
    name: transformation.name,
    transformation,
    editor: () => null,
    imageDark: "",
    imageLight: "",
  })),
);

/** The values of all properties are taken as they are written: Grafana's registry has editors besides. */
function registryOf({ fieldConfig }: Panel): Registry<FieldConfigPropertyItem> {
  const { custom = {}, ...standard } = fieldConfig.defaults;
  const overridden = fieldConfig.overrides.flatMap(({ properties }) => properties.map(({ id }) => id));
  const ids = new Set([...Object.keys(standard), ...Object.keys(custom).map((key) => `custom.${key}`), ...overridden]);
  return new Registry<FieldConfigPropertyItem>(() =>
    [...ids].map((id) => ({
      id,
      path: id.replace(/^custom\./, ""),
      isCustom: id.startsWith("custom."),
      name: id,
      description: "",
      editor: () => null,
      override: () => null,
      process: (value) => value,
      shouldApply: () => true,
    })),
  );
}

/** JSON has no infinity: the lowest step has null instead. */
function withInfinity<T>(written: T): T {
  return JSON.parse(JSON.stringify(written), (key, value) =>
    key === "steps" && Array.isArray(value)
      ? value.map((step) => ({ ...step, value: step.value ?? -Infinity }))
      : value,
  );
}

export async function prepare(panel: Panel, made: Document, theme: GrafanaTheme2): Promise<DataFrame[]> {
  const transformed = await lastValueFrom(transformDataFrame(panel.transformations ?? [], framesOf(panel, made)));
  const frames = applyFieldOverrides({
    data: transformed,
    fieldConfig: withInfinity(panel.fieldConfig),
    fieldConfigRegistry: registryOf(panel),
    replaceVariables: (text) => text,
    theme,
    timeZone: "utc",
  });
  cacheFieldDisplayNames(frames);
  return frames;
}
