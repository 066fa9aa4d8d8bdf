/**
 * Builds the page into dist/web: its code, onnxruntime's wasm files, and the service worker with a list of
 * them.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import express from 'express';
import { build, type Connect, defineConfig, type Plugin } from 'vite';
import { encodeModel } from '../graph/encode.ts';
import { forwardGraph } from '../graph/forward.ts';
import { foldBatchNorm } from '../model/fold-batch-norm.ts';
import { defaultOpset, metadataKeys, modelInput } from '../model/model-file.ts';
import { inputPx } from '../model/patch.ts';
import { pretrainedFiles, pretrainedFrom } from '../model/pretrained/pretrained.ts';
import { pretrainedFile } from './shared/teaching-api.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const repository = fileURLToPath(new URL('..', import.meta.url));
const runtimeDirectory = join(repository, 'node_modules/onnxruntime-web/dist');

const defaultOutput = join(repository, 'dist/web');

/** onnxruntime's files for wasm and WebGPU, which the page loads by address. */
const runtimeFiles = ['ort-wasm-simd-threaded', 'ort-wasm-simd-threaded.asyncify'].flatMap((name) => [
  `${name}.mjs`,
  `${name}.wasm`,
]);

/** Browsers need these to allow threads. */
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

const withoutMemory = `
  export class $ZodCyclicError extends Error {}
  export const memoizer = () => {};
  export const isRecursiveSchema = () => false;
  export const isBackEdge = () => false;
`;

/**
 * Leaves out parts of packages that the page never calls, an eighth of its code: zod's formats of strings,
 * conversion to JSON Schema, generated code, memory of cycles and own messages; protobufjs' remote calls,
 * packed lists, base64 text, floats without typed arrays, and the 64-bit integers that it uses if they are
 * there; Vite's preloading.
 */
function withoutUnusedParts(): Plugin {
  return {
    name: 'textura-without-unused-parts',
    transform(code, id) {
      const shorter = replacement(code, id.replaceAll('\\', '/'));
      return shorter === undefined ? undefined : { code: shorter, map: null };
    },
  };
}

function replacement(code: string, id: string): string | undefined {
  if (id.endsWith('node_modules/long/index.js')) return 'export default null;';
  if (/protobufjs\/src\/(rpc|util\/(aspromise|base64|eventemitter))\.js$/.test(id))
    return 'export default {};';
  if (/protobufjs\/src\/(reader|writer)\.js$/.test(id)) return without(code, packedLists);
  if (id.endsWith('protobufjs/src/util/float.js')) return without(code, withoutTypedArrays);
  if (id.endsWith('zod/v4/classic/schemas.js'))
    // The content security policy forbids the code that the other objects generate.
    return replaced(without(code, stringFormats), /\$ZodObjectJIT(?=\.init)/, '$$ZodObject');
  // `model/issue-text.ts` has the messages.
  if (id.endsWith('zod/v4/locales/en.js')) return 'export default () => ({});';
  // JSON has no cycles, which zod remembers objects for.
  if (id.endsWith('zod/v4/core/memoizer.js')) return withoutMemory;
  // It needs a document, which workers do not have.
  if (id.endsWith('vite/preload-helper.js')) return 'export const __vitePreload = (load) => load();';
  if (!/zod\/v4\/core\/(json-schema-processors|to-json-schema)\.js$/.test(id)) return undefined;
  const names = [...code.matchAll(/^export (?:const|function) (\w+)/gm)].map(([, name]) => name);
  return names.map((name) => `export const ${name} = () => {};`).join('\n');
}

/** Methods such as `floats`, which read or write all numbers of a list. */
const packedLists =
  /^\w+\.prototype\.(?:\w+(?:32|64)s|bools|floats|doubles) = (?:[\w.]+;|function.*?^\};)$/gms;

/** Floats for runtimes without typed arrays. */
const withoutTypedArrays = / else \(function\(\) \{$.*?^ {4}\}\)\(\);/gms;

/** Methods such as `email` of `ZodString`. */
const stringFormats = /, \{\n {4}email\(params\).*?^\}(?=\);)/ms;

function without(code: string, part: RegExp): string {
  return replaced(code, part, '');
}

function replaced(code: string, part: RegExp, by: string): string {
  const changed = code.replace(part, by);
  if (changed === code) throw new Error(`a package has changed: nothing in it matches ${part}`);
  return changed;
}

/** Adds the pre-trained network as an ONNX file, from which Teach starts where there is no exported model. */
function pretrainedNetwork(): Plugin {
  return {
    name: 'textura-pretrained-network',
    async generateBundle() {
      const path = join(repository, 'model/pretrained', pretrainedFiles.parameters);
      const { network, parameters } = foldBatchNorm(pretrainedFrom(await readFile(path), path));
      const source = encodeModel(forwardGraph(network, parameters, { opset: defaultOpset }), {
        producerName: 'textura',
        producerVersion: '',
        metadata: {
          // Its last layer is new.
          [metadataKeys.labels]: JSON.stringify(['0', '1']),
          [metadataKeys.input]: JSON.stringify(modelInput(inputPx)),
          [metadataKeys.network]: JSON.stringify(network),
        },
      });
      this.emitFile({ type: 'asset', fileName: pretrainedFile, source });
    },
  };
}

/** Serves the exported models next to the built page, from `models` or the folder in TEXTURA_MODELS. */
function exportedModels(): Plugin {
  const folder = process.env.TEXTURA_MODELS ?? join(repository, 'models');
  return {
    name: 'textura-models',
    configurePreviewServer({ middlewares }) {
      // express.static never leaves its folder. It has Express's types but works without an application.
      const files = express.static(folder, { redirect: false }) as unknown as Connect.NextHandleFunction;
      middlewares.use('/models', files);
    },
  };
}

/**
 * Builds the service worker with the list of the page's files and a version that changes with any of them.
 */
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

/** Separate entries, with names that shared/worker-calls.ts expects. */
const workers = ['inference-worker', 'teaching-worker', 'texture-worker'];

const publicFiles = ['icon.svg', 'icon-192.png', 'icon-512.png', 'manifest.webmanifest'];

export default defineConfig({
  root: here,
  base: './',
  // Missing files answer 404 instead of the page.
  appType: 'mpa',
  plugins: [onnxruntimeFiles(), withoutUnusedParts(), pretrainedNetwork(), exportedModels(), serviceWorker()],
  resolve: { conditions: ['onnxruntime-web-use-extern-wasm', 'module', 'browser', 'import', 'default'] },
  preview: { headers: isolationHeaders },
  build: {
    outDir: defaultOutput,
    emptyOutDir: true,
    target: 'es2023',
    modulePreload: false,
    rolldownOptions: {
      input: ['index.html', ...workers.map((name) => `worker/${name}.ts`)].map((entry) => join(here, entry)),
      output: {
        entryFileNames: ({ name }) =>
          name.endsWith('-worker') ? 'workers/[name].js' : 'assets/[name]-[hash].js',
      },
    },
    // A test measures the compressed size of the code.
    reportCompressedSize: false,
  },
});
