/** Metrics for Prometheus. The counts by class and the top probabilities help to detect drift. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { ClassifierEvents } from './inference/classifier.ts';
import type { ModelChange } from './registry/registry.ts';

/** The current values of the gauges. */
interface GaugeValues {
  readonly imagesInFlight: () => number;
  readonly imagesWaitingForPreparation: () => number;
  readonly jobsWaitingForInference: () => number;
  readonly uploadBytes: () => number;
}

const stages = ['decode', 'queue', 'infer', 'serialise'] as const;
type RequestStage = (typeof stages)[number];

const stageSeconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const batchSizes = [1, 2, 4, 8, 16, 24, 32, 48, 64, 128, 256];
const probabilities = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1];

export class Metrics {
  readonly registry = new Registry();
  readonly #requests: Counter<'route' | 'method' | 'status'>;
  readonly #stages: Histogram<'stage'>;
  readonly #batches: Histogram<'model'>;
  readonly #inferred: Counter<'model'>;
  readonly #abandoned: Counter;
  readonly #classes: Counter<'model' | 'label'>;
  readonly #topProbability: Histogram<'model'>;
  readonly #unknown: Counter<'model'>;
  readonly #modelChanges: Counter<'model' | 'change'>;
  readonly #lostThreads: Counter;

  constructor() {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    const text = (name: string, help: string) => ({ name: `textura_${name}`, help, registers });
    this.#requests = new Counter({
      ...text('http_requests_total', 'Answered requests.'),
      labelNames: ['route', 'method', 'status'],
    });
    this.#stages = new Histogram({
      ...text('stage_seconds', 'Time of an image in each stage; serialise is the time of an answer.'),
      labelNames: ['stage'],
      buckets: stageSeconds,
    });
    this.#batches = new Histogram({
      ...text('batch_patches', "Patches in an image's batch."),
      labelNames: ['model'],
      buckets: batchSizes,
    });
    this.#inferred = new Counter({
      ...text('images_inferred_total', 'Images that were classified.'),
      labelNames: ['model'],
    });
    this.#abandoned = new Counter(
      text(
        'images_abandoned_total',
        'Images of cancelled requests: past the deadline, evicted, or the client disconnected.',
      ),
    );
    this.#classes = new Counter({
      ...text('top_class_total', 'Images by predicted class.'),
      labelNames: ['model', 'label'],
    });
    this.#topProbability = new Histogram({
      ...text('top_probability', 'Probability of the predicted class.'),
      labelNames: ['model'],
      buckets: probabilities,
    });
    this.#unknown = new Counter({
      ...text('images_unknown_total', 'Images of none of the classes, by models that can tell.'),
      labelNames: ['model'],
    });
    this.#modelChanges = new Counter({
      ...text('model_changes_total', 'Models loaded, replaced, refused or removed.'),
      labelNames: ['model', 'change'],
      // A change that each of several processes makes is one change.
      aggregator: 'max',
    });
    this.#lostThreads = new Counter(
      text('lost_threads_total', 'Threads that were lost unexpectedly and replaced.'),
    );
  }

  addGauges(now: GaugeValues): void {
    const gauge = (name: string, help: string, read: () => number) =>
      new Gauge({
        name: `textura_${name}`,
        help,
        registers: [this.registry],
        collect() {
          this.set(read());
        },
      });
    gauge('images_in_flight', 'Images in flight: waiting or being processed.', now.imagesInFlight);
    gauge('queue_prepare_images', 'Images waiting to be decoded.', now.imagesWaitingForPreparation);
    gauge('queue_infer_images', 'Images waiting for a batch.', now.jobsWaitingForInference);
    gauge('upload_bytes', 'Memory taken by request bodies, in bytes.', now.uploadBytes);
  }

  countRequest(route: string, method: string, status: number): void {
    this.#requests.inc({ route, method, status: String(status) });
  }

  countModelChange(model: string, change: ModelChange): void {
    this.#modelChanges.inc({ model, change });
  }

  countLostThread(): void {
    this.#lostThreads.inc();
  }

  timeStage(stage: RequestStage, milliseconds: number): void {
    this.#stages.observe({ stage }, milliseconds / 1000);
  }

  /** For the classifier. */
  readonly events: ClassifierEvents = {
    onPrepared: ({ decodeMs }) => this.timeStage('decode', decodeMs),
    onInferred: ({ name }, { waitMs, inferMs, batchPatches }) => {
      this.timeStage('queue', waitMs);
      this.timeStage('infer', inferMs);
      this.#batches.observe({ model: name }, batchPatches);
      this.#inferred.inc({ model: name });
    },
    onAnswered: ({ name }, { predictions, known }) => {
      if (known === false) this.#unknown.inc({ model: name });
      const [first] = predictions;
      if (first === undefined) return;
      this.#classes.inc({ model: name, label: first.label });
      this.#topProbability.observe({ model: name }, first.probability);
    },
    onAbandoned: (images) => this.#abandoned.inc(images),
  };
}
