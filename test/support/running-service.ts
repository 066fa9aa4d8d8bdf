/** The service in this process, on a free port, with small models made for the test. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect } from 'vitest';
import { exportModel } from '../../export/export-model.ts';
import { readTrainedRun } from '../../export/trained-run.ts';
import { problemSchema } from '../../model/service.ts';
import { createApp } from '../../serve/http/app.ts';
import { listen } from '../../serve/http/server.ts';
import { createService, type Service, type ThreadModules } from '../../serve/service.ts';
import { resolveSettings, type ServeOptions, serveOptions } from '../../serve/settings.ts';
import { randomPatches } from './random-network.ts';
import { type TrainedRunOptions, writeTrainedRun } from './trained-run.ts';

export interface RunningService {
  readonly address: string;
  readonly service: Service;
  /** What was logged, a record a line. */
  readonly logged: readonly string[];
  close(): Promise<void>;
}

/**
 * Starts a service on a folder of models and waits until it is ready. By default it has one thread of each
 * kind. `whenListening` is called before the models are loaded.
 */
export async function runService(
  models: string,
  options: Partial<ServeOptions> = {},
  environment: Record<string, string> = {},
  page?: string,
  threads?: ThreadModules,
  whenListening: (address: string) => void = () => {},
): Promise<RunningService> {
  // Half a second of computing for each thread that starts.
  const few = { inferenceWorkers: 1, decodeThreads: 1 } as const;
  const quick = { models, port: 0, device: 'cpu', drainMs: 0, reloadIntervalMs: 60_000, ...few } as const;
  const settings = resolveSettings(serveOptions.parse({ ...quick, ...options }), environment);
  const logged: string[] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => void logged.push(line) });
  const service = await createService(settings, log, { modules: threads });
  const server = await listen(createApp(service, settings, log, page), settings);
  whenListening(server.address);
  await service.start();
  return {
    address: server.address,
    service,
    logged,
    async close() {
      await server.close();
      await service.close();
    },
  };
}

/** Exports random models into `folder`, each of its variant's name. */
export async function exportModels(folder: string, models: readonly TrainedRunOptions[]): Promise<void> {
  for (const model of models) {
    const run = await mkdtemp(join(tmpdir(), 'textura-run-'));
    // Two are enough for the self-check; each costs seconds in the loops that compute what is expected.
    await writeTrainedRun(run, { patches: randomPatches(2, 7), ...model });
    const graphs = ['portable', 'throughput'] as const;
    await exportModel(await readTrainedRun(run), { out: folder, opset: 17, graphs });
    await rm(run, { recursive: true });
  }
}

export interface ServiceAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed JSON; undefined if the body is empty. */
  readonly body: unknown;
}

export async function askService(
  { address }: RunningService,
  path: string,
  init: RequestInit = {},
): Promise<ServiceAnswer> {
  const response = await fetch(`${address}${path}`, init);
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: text === '' ? undefined : JSON.parse(text),
  };
}

/** The problem in an answer, which has the answer's status and request id. */
export function problemOf({ status, headers, body }: ServiceAnswer) {
  expect(headers.get('content-type')).toBe('application/problem+json');
  const parsed = problemSchema.parse(body);
  expect(parsed.status).toBe(status);
  expect(parsed.requestId).toBe(headers.get('x-request-id'));
  return parsed;
}
