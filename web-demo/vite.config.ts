/** Builds the page into dist/web: its code, onnxruntime's wasm files and the service worker that knows the names of all of them. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import express from 'express';
import { build, type Connect, defineConfig, type Plugin } from 'vite';

const here = fileURLToPath(new URL('.', import.meta.url));
const repository = fileURLToPath(new URL('..', import.meta.url));
const runtimeDirectory = join(repository, 'node_modules/onnxruntime-web/dist');

const defaultOutput = join(repository, 'dist/web');

/** onnxruntime's files that the page loads by address: those of wasm, and those of WebGPU. */
const runtimeFiles = ['ort-wasm-simd-threaded', 'ort-wasm-simd-threaded.asyncify'].flatMap((name) => [
  `${name}.mjs`,
  `${name}.wasm`,
]);

/** With these a browser lets a page have threads. */
const isolationHeaders = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/** Copies onnxruntime's files into the build. */
function onnxruntimeFiles(): Plugin {
  return {
    name: 'textura-onnxruntime-files',
    async generateBundle() {
      for (const name of runtimeFiles) {
        const source = await readFile(join(runtimeDirectory, name));
        this.emitFile({ type: 'asset', fileName: `onnxruntime/${name}`, source });
      }
    },
  };
}

/** Serves the folder of exported models beside the built page. TEXTURA_MODELS names another than `models`. */
function exportedModels(): Plugin {
  const folder = process.env.TEXTURA_MODELS ?? join(repository, 'models');
  return {
    name: 'textura-models',
    configurePreviewServer({ middlewares }) {
      // It stays in the folder, whatever an address says. Its types are those of Express, but it needs no application.
      const files = express.static(folder, { redirect: false }) as unknown as Connect.NextHandleFunction;
      middlewares.use('/models', files);
    },
  };
}

/** Builds the service worker with the list of files that make the page, under a name that changes with any of them. */
function serviceWorker(): Plugin {
  return {
    name: 'textura-service-worker',
    apply: 'build',
    async writeBundle({ dir = defaultOutput }, bundle) {
      const files = Object.values(bundle);
      const hash = createHash('sha256');
      for (const file of files) hash.update(file.type === 'chunk' ? file.code : file.source);
      const shell = files.map(({ fileName }) => fileName).filter((name) => !name.includes('asyncify'));
      await build({
        configFile: false,
        root: here,
        logLevel: 'warn',
        publicDir: false,
        define: {
          __SHELL__: JSON.stringify(['./', ...shell.filter((name) => name !== 'index.html'), ...publicFiles]),
          __VERSION__: JSON.stringify(hash.digest('hex').slice(0, 16)),
        },
        build: {
          outDir: dir,
          emptyOutDir: false,
          lib: { entry: 'worker/service-worker.ts', formats: ['es'], fileName: () => 'service-worker.js' },
        },
      });
    },
  };
}

/** Entries of their own, by names that the page knows (worker-address.ts). */
const workers = ['inference-worker', 'teaching-worker', 'texture-worker'];

const publicFiles = ['icon.svg', 'icon-192.png', 'icon-512.png', 'manifest.webmanifest'];

export default defineConfig({
  root: here,
  base: './',
  // A file that is missing is not answered with the page.
  appType: 'mpa',
  plugins: [onnxruntimeFiles(), exportedModels(), serviceWorker()],
  resolve: { conditions: ['onnxruntime-web-use-extern-wasm', 'module', 'browser', 'import', 'default'] },
  preview: { headers: isolationHeaders, port: 4173 },
  build: {
    outDir: defaultOutput,
    emptyOutDir: true,
    target: 'es2023',
    // What Vite would wrap imports with needs a document, which workers don't have.
    modulePreload: false,
    rolldownOptions: {
      input: ['index.html', ...workers.map((name) => `worker/${name}.ts`)].map((entry) => join(here, entry)),
      output: {
        entryFileNames: ({ name }) =>
          name.endsWith('-worker') ? 'workers/[name].js' : 'assets/[name]-[hash].js',
      },
    },
    // Compressed sizes are measured by a test; the runtime's 14 MB would only take time here.
    reportCompressedSize: false,
  },
});
