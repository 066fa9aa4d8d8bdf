import { expect, test, vi } from 'vitest';
import { trainingConfigSchema } from '../../model/training-config.ts';
import { estimateArms, trainedBy } from '../../study/estimate.ts';
import { newStudy } from '../../study/plan.ts';
import { type RunWithState, studyRuns } from '../../study/study-directory.ts';
import { inventedRun } from '../support/invented-run.ts';

function finishedOn(device: 'cpu' | 'cuda'): RunWithState {
  const plain = inventedRun({});
  const run = { ...plain, stretches: plain.stretches.map((stretch) => ({ ...stretch, device })) };
  const arm = { name: 'reference', variant: 'reference', width: 1 } as const;
  return {
    run: { name: `reference-${device}`, arm, seed: 1, directory: '' },
    state: { status: 'finished', run },
  };
}

test.each([
  ['cpu', 'reference-cpu'],
  ['cuda', 'reference-cuda'],
  ['gpu', 'reference-cuda'],
  ['webgpu', undefined],
] as const)('a run on %s is timed by one on the same device', (device, name) => {
  const runs = [finishedOn('cuda'), finishedOn('cpu')];
  expect(trainedBy({ engine: 'onnx', device }, runs)?.run.name).toBe(name);
});

test('a run of another engine times nothing', () => {
  expect(trainedBy({ engine: 'tfjs', device: 'cpu' }, [finishedOn('cpu')])).toBeUndefined();
});

test('networks are measured on the CPU, and the reason is reported, if the chosen device cannot be used and the metrics of a finished run cannot be read', {
  timeout: 60_000,
}, async () => {
  // On a machine with CUDA too.
  vi.stubEnv('CUDA_VISIBLE_DEVICES', '');
  const { variant, width, seed, ...config } = trainingConfigSchema.parse({ batch: 2 });
  const plan = { config, recipe: 'default', network: 'texture-net', variants: ['texture-net'] } as const;
  const more = { controls: [], tuneRates: undefined, marginPoints: 2, seeds: [1, 2] };
  const classes = ['a', 'b'].map((label) => ({ label, images: 2 }));
  const study = newStudy({ ...plan, ...more }, { fingerprint: '', classes });
  const reasons: string[] = [];
  const [estimate] = await estimateArms({
    study,
    runs: studyRuns('', study).map((run, i) => ({
      run,
      state: i === 0 ? finishedOn('cuda').state : { status: 'missing' },
    })),
    classes: 2,
    validationPatches: 1,
    readSeconds: 0,
    choice: { engine: 'onnx', device: 'cuda', why: 'CUDA is set up', mayUseCpu: true },
    threads: 1,
    onArm: () => {},
    onCpu: (reason) => reasons.push(reason),
  });
  expect(estimate?.runSeconds).toBeGreaterThan(0);
  expect(reasons).toEqual([expect.stringMatching(/^onnxruntime cannot use cuda/)]);
});
