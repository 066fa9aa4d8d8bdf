/** The service without its HTTP: threads, models, queues and what they tell. Start it, and close it when all is answered. */
import type { Logger } from 'pino';
import type { TexturaError } from '../model/error.ts';
import { BodyBudget, type BodyLimits } from './http/body.ts';
import { Batcher } from './inference/batcher.ts';
import { Classifier } from './inference/classifier.ts';
import { devicesToTry } from './inference/devices.ts';
import { InferenceLane, inferenceThread } from './inference/inference-lane.ts';
import { PreparationPool, preparationThread } from './inference/preparation-pool.ts';
import { Metrics } from './metrics.ts';
import { ModelHost } from './registry/model-host.ts';
import { Registry } from './registry/registry.ts';
import type { ServeSettings } from './settings.ts';

export interface Uploads {
  readonly limits: BodyLimits;
  readonly budget: BodyBudget;
  readonly preparation: PreparationPool;
}

export interface Service {
  readonly registry: Registry;
  readonly classifier: Classifier;
  readonly batcher: Batcher;
  readonly uploads: Uploads;
  readonly metrics: Metrics;
  /** Loads and checks the models, then watches their folder. Until then nothing is classified. */
  start(): Promise<void>;
  /** Settles when a thread was lost and its replacements, too: only a new process helps. */
  readonly failure: Promise<TexturaError>;
  /** Whether there is a model that has passed its check, room for uploads, and the service is not about to end. */
  isReady(): boolean;
  /** Says that the service is about to end. */
  drain(): void;
  close(): Promise<void>;
}

/** The modules that the threads run; tests have some that can be lost. */
export interface ThreadModules {
  readonly inference: URL;
  readonly preparation: URL;
}

const ownModules: ThreadModules = { inference: inferenceThread, preparation: preparationThread };

/** Starts the threads of a service. */
export async function createService(
  settings: ServeSettings,
  log: Logger,
  modules = ownModules,
): Promise<Service> {
  const { aloneThreads, inferenceThreads: besideThreads, device } = settings;
  const devices = await devicesToTry(device);
  const lanes = Array.from({ length: settings.inferenceWorkers }, () => new InferenceLane(modules.inference));
  const preparation = new PreparationPool(settings.decodeThreads, modules.preparation);
  const metrics = new Metrics();
  const threads = [...lanes, ...preparation.threads];
  for (const { events } of threads) {
    events.on('lost', (fault) => {
      metrics.countLostThread();
      log.error({ err: fault }, 'a thread was lost; another takes its place');
    });
  }
  const note = (sentence: string) => log.info(sentence);
  const host = new ModelHost(
    lanes,
    { devices, mustBeatCpu: device === 'auto', aloneThreads, besideThreads },
    note,
  );
  const { models: folder, reloadIntervalMs, maxModelBytes } = settings;
  const registry = new Registry({ folder, reloadIntervalMs, maxModelBytes }, host, {
    onChange: (name, change) => metrics.countModelChange(name, change),
    note,
  });
  const batcher = new Batcher(lanes, settings);
  const classifier = new Classifier(preparation, batcher, settings, metrics.events);
  const budget = new BodyBudget(settings);
  metrics.watch({
    imagesInFlight: () => classifier.admitted,
    imagesWaitingForPreparation: () => preparation.waiting,
    jobsWaitingForInference: () => batcher.waiting,
    uploadBytes: () => budget.takenBytes,
  });
  let isDraining = false;
  return {
    registry,
    classifier,
    batcher,
    uploads: { limits: settings, budget, preparation },
    metrics,
    failure: Promise.race(threads.map(({ failure }) => failure)),
    start: () => registry.start(),
    isReady: () =>
      !isDraining && registry.hasLooked && registry.defaultName !== undefined && !budget.isStuck(),
    drain: () => {
      isDraining = true;
    },
    async close() {
      await registry.close();
      batcher.close();
      await preparation.close();
      await Promise.all(lanes.map((lane) => lane.close()));
    },
  };
}
