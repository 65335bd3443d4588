// The whole move to one's own server: three packages are taken from somewhere else. No line of the kit changes.
import { fileURLToPath } from 'node:url';
import vue from '@vitejs/plugin-vue';
import { defineConfig } from 'vite';

/** Where Carillon's web folder is; in a project of your own, where you copied it. */
const carillon = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
/** `carillon serve` on this machine. In production the page and the gateway share a host, or `configure({ gateway })` names it. */
const server = process.env.CARILLON ?? 'http://localhost:8080';
const proxy = {
  '/ws': { target: server, ws: true },
  '/demo': { target: server },
};

export default defineConfig({
  plugins: [vue()],
  resolve: {
    alias: [
      { find: /^@tencentcloud\/(chat|lite-chat)$/, replacement: carillon('tim/v3.js') },
      { find: /^trtc-cloud-js-sdk$/, replacement: carillon('trtc/index.js') },
    ],
    // One Vue for the page and the kit.
    dedupe: ['vue'],
  },
  // Node's socket is never asked for in a page.
  build: { rollupOptions: { external: ['ws'] }, chunkSizeWarningLimit: 2000 },
  optimizeDeps: { exclude: ['ws'] },
  server: { proxy },
  preview: { proxy },
});
