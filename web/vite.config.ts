import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

// The Python server replaces __BASE__ in the built page; in `npm run dev` Vite serves it, so we do.
const servedByVite: Plugin = {
  name: "base-in-dev",
  apply: "serve",
  transformIndexHtml: (html) => html.replaceAll("__BASE__", "/"),
};

const server = process.env.TRACKSIDE_API_HOST ?? "http://127.0.0.1:8008";

export default defineConfig({
  base: "./",
  plugins: [react(), servedByVite],
  build: {
    outDir: "../src/trackside/server/static",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 6000, // plotly, loaded only by a page that has a plot
    assetsInlineLimit: 0, // the page's policy has no data: for fonts
  },
  server: { proxy: { "^/[a-z_]+\\.[a-z_]+$": server, "/stream": server, "/files": server } },
});
