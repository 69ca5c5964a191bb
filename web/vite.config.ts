import { copyFileSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";

const here = dirname(fileURLToPath(import.meta.url));

// Swagger UI as its publisher built it, beside our own start script; `facet serve` answers /docs with docs.html.
function swaggerUi(): Plugin {
  let outDir = "";
  return {
    name: "swagger-ui",
    apply: "build",
    configResolved: (config) => void (outDir = config.build.outDir),
    closeBundle() {
      mkdirSync(join(outDir, "docs"), { recursive: true });
      for (const file of ["swagger-ui.css", "swagger-ui-bundle.js"]) {
        copyFileSync(join(here, "node_modules/swagger-ui-dist", file), join(outDir, "docs", file));
      }
    },
  };
}

export default defineConfig({
  root: here,
  base: "./",
  plugins: [swaggerUi()],
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: false,
    emptyOutDir: true,
  },
  server: {
    fs: { allow: [join(here, "..")] },
    // npm run dev: the page from here, everything else from a running `facet serve`.
    proxy: { "/v1": "http://127.0.0.1:8080", "/openapi.json": "http://127.0.0.1:8080" },
  },
  test: { include: ["tests/**/*.test.ts"], environment: "node" },
} as Parameters<typeof defineConfig>[0]);
