/** npm run serve: serves exported models over HTTP, in this process or in several. */
import { type CommandDefinition, runIfMain } from '../node/command-line.ts';
import { SandboxCheck } from './registry/sandbox-check.ts';
import { type ServeOptions, serveOptions } from './settings.ts';

export const command: CommandDefinition<typeof serveOptions> = {
  name: 'serve',
  summary:
    'Serves exported models over HTTP: POST /classify and the other routes in /openapi.json and /docs.',
  options: serveOptions,
  configurable: serveOptions.keyof().options,
  groups: {
    Models: ['models', 'reloadIntervalMs', 'maxModelBytes'],
    Address: ['host', 'port', 'allowOrigin', 'trustProxyHops', 'maxConnections'],
    Computing: [
      'processes',
      'device',
      'inferenceWorkers',
      'inferenceThreads',
      'decodeThreads',
      'batchPatches',
      'largeBatchPatches',
      'gatherPatches',
    ],
    'Limits of requests': [
      'queueImages',
      'deadlineMs',
      'maxImages',
      'maxImagePixels',
      'maxUploadBytes',
      'maxBufferedBytes',
      'headersTimeoutMs',
      'uploadTimeoutMs',
      'uploadStallMs',
    ],
    'Shutdown and log': ['drainMs', 'shutdownMs', 'logLevel', 'logFormat'],
  },
  run: serve,
};

async function serve(options: ServeOptions): Promise<void> {
  if (options.processes > 1) {
    const { serveByProcesses } = await import('./processes/primary.ts');
    return serveByProcesses(options);
  }
  // Its process starts while the modules of the service are loaded, which takes as long.
  const firstCheck = new SandboxCheck().start();
  try {
    const { serveInOneProcess } = await import('./processes/one-process.ts');
    await serveInOneProcess(options, firstCheck);
  } finally {
    firstCheck.close();
  }
}

await runIfMain(command, import.meta.url);
