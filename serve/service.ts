/** The service without HTTP: threads, models, queues and metrics. Close it when every request is answered. */
import type { Logger } from 'pino';
import type { TexturaError } from '../model/error.ts';
import { Batcher } from './inference/batcher.ts';
import { ServiceClassifier } from './inference/classifier.ts';
import { devicesToTry } from './inference/devices.ts';
import { InferenceWorker, inferenceThread } from './inference/inference-worker.ts';
import { PreparationPool, preparationThread } from './inference/preparation-pool.ts';
import { Metrics } from './metrics.ts';
import { ModelHost, type Note } from './registry/model-host.ts';
import { Registry } from './registry/registry.ts';
import type { ModelFilesCheck } from './registry/sandbox-check.ts';
import type { ServeSettings } from './settings.ts';
import { BodyBudget, type BodyLimits } from './upload-budget.ts';

interface Uploads {
  readonly limits: BodyLimits;
  readonly budget: BodyBudget;
  readonly preparation: PreparationPool;
}

export interface Service {
  readonly registry: Registry;
  readonly classifier: ServiceClassifier;
  readonly uploads: Uploads;
  readonly metrics: Metrics;
  /** Loads and checks the models, then polls their folder. */
  start(): Promise<void>;
  /** Settles when a lost thread cannot be replaced: the process must restart. */
  readonly failure: Promise<TexturaError>;
  /**
   * Whether a model is loaded, there is memory for uploads, and the service is not shutting down: of this
   * process.
   */
  isReady(): boolean;
  /** Whether all processes of the service are ready. */
  isServiceReady(): Promise<boolean>;
  /** The metrics of all processes of the service, in the text format of Prometheus. */
  metricsText(): Promise<string>;
  /** Reports not ready from now on. */
  drain(): void;
  close(): Promise<void>;
}

/** The modules that the threads run; tests use modules that can crash. */
export interface ThreadModules {
  readonly inference: URL;
  readonly preparation: URL;
}

const ownModules: ThreadModules = { inference: inferenceThread, preparation: preparationThread };

/** What a process shares with the others of the same service. */
export interface SharedService {
  readonly openCheck: () => ModelFilesCheck;
  /** Called when the set of models of this process has changed. */
  readonly onModelChange: () => void;
  /** Logs a sentence about models that other processes may have, too. */
  readonly note: Note;
  readonly isReady: () => Promise<boolean>;
  readonly metricsText: () => Promise<string>;
}

interface ServiceParts {
  readonly modules?: ThreadModules | undefined;
  /** If given, the folder of models is scanned only by `registry.refresh`. */
  readonly shared?: SharedService;
  /** Checks the models of the first scan, and is closed after it. */
  readonly firstCheck?: ModelFilesCheck;
}

/** Starts the threads, without models. Errors: `interrupted` by Ctrl-C while it looks for GPUs. */
export async function createService(
  settings: ServeSettings,
  log: Logger,
  { modules = ownModules, shared, firstCheck }: ServiceParts,
): Promise<Service> {
  const { soloThreads, inferenceThreads: parallelThreads, gpuBatchPatches, device } = settings;
  const devices = await devicesToTry(device);
  const workers = Array.from(
    { length: settings.inferenceWorkers },
    () => new InferenceWorker(modules.inference),
  );
  const preparation = new PreparationPool(settings.decodeThreads, modules.preparation);
  const metrics = new Metrics();
  const threads = [...workers, ...preparation.threads];
  for (const { events } of threads) {
    events.on('lost', (fault) => {
      metrics.countLostThread();
      log.error({ err: fault }, 'a thread was lost; a new one replaces it');
    });
  }
  const note: Note = shared?.note ?? ((sentence, level = 'info') => log[level](sentence));
  const host = new ModelHost(
    workers,
    { devices, mustBeatCpu: device === 'auto', soloThreads, parallelThreads, gpuBatchPatches },
    note,
  );
  const { models: folder, maxModelBytes } = settings;
  const reloadIntervalMs = shared === undefined ? settings.reloadIntervalMs : undefined;
  const registry = new Registry({ folder, reloadIntervalMs, maxModelBytes }, host, {
    onChange: (name, change) => {
      metrics.countModelChange(name, change);
      // A refusal changes nothing for the other processes, which find the same files.
      if (change !== 'refused') shared?.onModelChange();
    },
    note,
    openCheck: shared?.openCheck,
    firstCheck,
  });
  const batcher = new Batcher(workers, settings);
  const classifier = new ServiceClassifier(preparation, batcher, settings, metrics.events);
  const budget = new BodyBudget(settings);
  metrics.addGauges({
    imagesInFlight: () => classifier.admitted,
    imagesWaitingForPreparation: () => preparation.waiting,
    jobsWaitingForInference: () => batcher.waiting,
    uploadBytes: () => budget.takenBytes,
  });
  let isDraining = false;
  const isReady = () => !isDraining && registry.isReady && !budget.isStuck();
  return {
    registry,
    classifier,
    uploads: { limits: settings, budget, preparation },
    metrics,
    failure: Promise.race(threads.map(({ failure }) => failure)),
    start: () => registry.start(),
    isReady,
    isServiceReady: async () => isReady() && ((await shared?.isReady()) ?? true),
    metricsText: () => shared?.metricsText() ?? metrics.registry.metrics(),
    drain: () => {
      isDraining = true;
    },
    async close() {
      await registry.close();
      batcher.close();
      await preparation.close();
      await Promise.all(workers.map((worker) => worker.close()));
    },
  };
}
