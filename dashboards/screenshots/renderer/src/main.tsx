/** A page of one dashboard, on Grafana's grid. `data.json` beside it says which; `drawn` of the body is set at the end. */

import { type DataFrame, FieldType, createTheme } from "@grafana/data";
import { GlobalStyles, PanelChrome, ThemeContext } from "@grafana/ui";
import { createRoot } from "react-dom/client";
import { fillIn } from "./frames";
import { PANELS } from "./panels";
import { prepare } from "./prepare";
import type { Document, Panel } from "./types";

const WIDTH = 1600;
const COLUMNS = 24;
const UNIT = 30;
const GAP = 8;
const PADDING = 16;
const asked = new URLSearchParams(location.search);
const theme = createTheme({ colors: { mode: asked.get("theme") === "light" ? "light" : "dark" } });

interface Placed {
  panel: Panel;
  frames: DataFrame[];
  left: number;
  top: number;
  width: number;
  height: number;
}

/** Panels from top to bottom. What is folded is left out, or unfolded, and then all below it moves down. */
function unfolded(panels: Panel[], unfold: boolean): Panel[] {
  let down = 0;
  return panels.flatMap((panel) => {
    const moved = (inner: Panel) => ({ ...inner, gridPos: { ...inner.gridPos, y: inner.gridPos.y + down } });
    const head = moved(panel);
    if (!unfold || !panel.collapsed || !panel.panels?.length) {
      return [head];
    }
    const within = panel.panels.map(moved);
    down += Math.max(...panel.panels.map(({ gridPos }) => gridPos.y + gridPos.h)) - panel.gridPos.y - 1;
    return [{ ...head, collapsed: false }, ...within];
  });
}

function place(panel: Panel, frames: DataFrame[]): Placed {
  const { x, y, w, h } = panel.gridPos;
  const column = (WIDTH - 2 * PADDING - (COLUMNS - 1) * GAP) / COLUMNS;
  return {
    panel,
    frames,
    left: PADDING + x * (column + GAP),
    top: y * (UNIT + GAP),
    width: w * (column + GAP) - GAP,
    height: h * (UNIT + GAP) - GAP,
  };
}

const isEmpty = (frames: DataFrame[]) =>
  !frames.some(({ fields, length }) => length > 0 && fields.some(({ type }) => type === FieldType.number));

function Inside({ placed, made, width, height }: { placed: Placed; made: Document; width: number; height: number }) {
  const { panel, frames } = placed;
  if (panel.type !== "stat" && isEmpty(frames)) {
    return (
      <div style={{ display: "grid", placeItems: "center", height, textAlign: "center", color: theme.colors.text.secondary }}>
        {panel.fieldConfig.defaults.noValue ?? "No data"}
      </div>
    );
  }
  const Type = PANELS[panel.type];
  return <Type panel={panel} frames={frames} made={made} width={width} height={height} />;
}

function Row({ placed, made }: { placed: Placed; made: Document }) {
  const { title, collapsed, panels = [] } = placed.panel;
  return (
    <div style={{ padding: "4px 8px", fontWeight: 500, fontSize: 16, color: theme.colors.text.primary }}>
      {collapsed ? "›" : "⌄"}&ensp;{fillIn(title, made.variables)}
      {collapsed && <span style={{ color: theme.colors.text.secondary, fontWeight: 400, fontSize: 12 }}>&ensp;({panels.length} panels)</span>}
    </div>
  );
}

function Header({ made }: { made: Document }) {
  const box = { border: `1px solid ${theme.colors.border.medium}`, borderRadius: 2, padding: "4px 8px" };
  const chosen = made.dashboard.templating.list.filter(({ name }) => name in made.variables);
  return (
    <div style={{ padding: `12px ${PADDING}px`, color: theme.colors.text.primary }}>
      <div style={{ fontSize: 20, fontWeight: 500, marginBottom: 12 }}>{made.dashboard.title}</div>
      <div style={{ display: "flex", gap: 8, fontSize: 12, fontWeight: 500 }}>
        {chosen.map(({ name, label }) => (
          <div key={name} style={{ ...box, background: theme.colors.background.primary }}>
            <span style={{ color: theme.colors.text.secondary }}>{label ?? name}</span>&ensp;{made.variables[name]}
          </div>
        ))}
        <div style={{ ...box, marginLeft: "auto" }}>Last {Math.round((made.to - made.from) / 3_600_000)} hours · UTC</div>
      </div>
    </div>
  );
}

function Dashboard({ made, placed }: { made: Document; placed: Placed[] }) {
  const bottom = Math.max(...placed.map(({ top, height }) => top + height)) + PADDING;
  return (
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <div id="dashboard" style={{ width: WIDTH, background: theme.colors.background.canvas }}>
        <Header made={made} />
        <div style={{ position: "relative", height: bottom }}>
          {placed.map((one) => (
            <div
              key={one.panel.id}
              style={{ position: "absolute", left: one.left, top: one.top, width: one.width, height: one.height }}
            >
              {one.panel.type === "row" ? (
                <Row placed={one} made={made} />
              ) : (
                <PanelChrome
                  title={fillIn(one.panel.title, made.variables)}
                  description={one.panel.description}
                  width={one.width}
                  height={one.height}
                >
                  {(width, height) => <Inside placed={one} made={made} width={width} height={height} />}
                </PanelChrome>
              )}
            </div>
          ))}
        </div>
      </div>
    </ThemeContext.Provider>
  );
}

async function draw() {
  const made: Document = await (await fetch(`./${asked.get("dashboard")}.json`)).json();
  const placed = await Promise.all(
    unfolded(made.dashboard.panels, asked.has("unfold")).map(async (panel) =>
      place(panel, panel.type === "row" ? [] : await prepare(panel, made, theme)),
    ),
  );
  createRoot(document.getElementById("root")!).render(<Dashboard made={made} placed={placed} />);
}

void Promise.all([400, 500].map((weight) => document.fonts.load(`${weight} 12px Inter`))).then(draw);
