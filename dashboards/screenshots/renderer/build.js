/** Bundles the page into dist/, with the icons and fonts that Grafana's components ask for. */

import { cpSync } from "node:fs";
import { build } from "esbuild";

await build({
  entryPoints: ["src/main.tsx"],
  bundle: true,
  format: "esm",
  splitting: true,
  outdir: "dist",
  jsx: "automatic",
  loader: { ".ttf": "file" },
  define: { "process.env.NODE_ENV": '"production"' },
  logLevel: "warning",
});
cpSync("index.html", "dist/index.html");
cpSync("node_modules/@grafana/ui/dist/public/img", "dist/public/build/img", { recursive: true });
for (const [name, weight] of [["Regular", 400], ["Medium", 500]]) {
  const font = `node_modules/@fontsource/inter/files/inter-latin-${weight}-normal.woff2`;
  cpSync(font, `dist/public/fonts/inter/Inter-${name}.woff2`);
}
