import { fileURLToPath } from 'node:url';
import vue from '@vitejs/plugin-vue';
import { defineConfig } from 'vite';

const web = (path) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
const installed = (name) => fileURLToPath(new URL(`node_modules/${name}`, import.meta.url));
const server = process.env.CARILLON ?? 'http://localhost:8080';
const proxy = { '/ws': { target: server, ws: true }, '/demo': { target: server } };

export default defineConfig({
  plugins: [vue()],
  resolve: {
    alias: [
      { find: /^@tencentcloud\/(chat|lite-chat)$/, replacement: web('tim/v3.js') },
      { find: /^trtc-cloud-js-sdk$/, replacement: web('trtc/index.js') },
      // The pages are those of the example; what they import is this folder's.
      { find: /^@tencentcloud\/call-uikit-vue$/, replacement: installed('@tencentcloud/call-uikit-vue/tuicall-uikit-vue.es.js') },
      { find: /^vue$/, replacement: installed('vue/dist/vue.runtime.esm-bundler.js') },
      { find: '/src', replacement: web('examples/vue/src') },
    ],
  },
  publicDir: web('examples/vue/public'),
  build: { rollupOptions: { external: ['ws'] }, chunkSizeWarningLimit: 4000 },
  optimizeDeps: { exclude: ['ws'] },
  preview: { proxy },
});
