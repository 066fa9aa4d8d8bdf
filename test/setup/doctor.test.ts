import { tmpdir } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MachineFacts } from '../../setup/doctor/facts.ts';
import { doctorPage } from '../../setup/doctor/page.ts';
import { type BareClone, makeBareClone } from '../support/bare-clone.ts';
import { runScript } from '../support/command.ts';

describe('the doctor', () => {
  it('prints the facts about this machine as JSON', async () => {
    const { NVIDIA_TF32_OVERRIDE: _unset, ...env } = process.env;
    const settings = { cwd: tmpdir(), env };
    const { status, stdout, stderr } = await runScript('setup/doctor.ts', ['--json'], settings);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const facts = JSON.parse(stdout) as MachineFacts;
    expect(facts.cuda).toMatchObject({ precision: 'float32', tf32Override: '0' });
    expect(doctorPage(facts, 200)).toMatch(/TF32 +off, CUDA computes in float32 \(NVIDIA_TF32_OVERRIDE=0\)/);
    expect(facts.node.version).toBe(process.version);
    expect(facts.onnx).toMatchObject({
      providers: expect.arrayContaining([{ name: 'cpu', bundled: true }]),
    });
  });

  describe('on a machine without engines and tools', () => {
    let clone: BareClone;
    beforeAll(async () => {
      clone = await makeBareClone(['zod', 'commander', 'pure-rand']);
    });
    afterAll(() => clone.remove());

    it('names what is missing and how to install it, and does not fail', async () => {
      const { status, stdout, stderr } = await clone.run('setup/doctor.ts', [], {
        PATH: '',
        LD_LIBRARY_PATH: '',
      });
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(stdout).toMatch(/tfjs +not set up: npm run setup:tensorflow/);
      expect(stdout).toMatch(/onnx +does not load: [^:]*onnxruntime-node/);
      expect(stdout).toMatch(/Driver +none\n +Missing +an NVIDIA driver \(nvidia-smi is not\s+installed/);
      expect(stdout).toMatch(/Provider +not installed: npm run setup:cuda\n +CUDA, cuDNN +not installed/);
      expect(stdout).toMatch(/g\+\+ +missing: sudo apt install g\+\+/);
      expect(stdout).toMatch(/train +onnx on the cpu: TensorFlow is not set up/);
    });
  });

  it('shows every GPU, and what would train on it and why', () => {
    const page = doctorPage(machineWithGpus, 200);
    expect(page).toMatch(/GPU +NVIDIA T4, 570.1, 15360 MiB\n +GPU +NVIDIA L4/);
    expect(page).toMatch(/train +tfjs on the gpu: TensorFlow 2.21.0 sees a GPU/);
    expect(page).toMatch(
      /Driver +570\.1; NVIDIA T4, compute capability 7\.5\n +Missing +a driver for CUDA 13/,
    );
    expect(page).toMatch(/Provider +\/cache\n/);
    expect(page).toMatch(
      /CUDA, cuDNN +\/cuda, without libnvrtc\.so\.13, .*, libcudnn\.so\.9: npm run setup:cuda\n/,
    );
    expect(page).toMatch(/TF32 +on \(NVIDIA_TF32_OVERRIDE=1\)/);
    expect(page).toMatch(/1 of 3 cores usable/);
    expect(page).toMatch(/1\.5 GiB free of 4\.0 GiB/);
  });

  it('wraps at the width of the terminal, below the start of the text', () => {
    const lines = doctorPage(machineWithGpus, 60).split('\n');
    for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(60);
    expect(lines).toContain('  TF32         on (NVIDIA_TF32_OVERRIDE=1): faster, with');
    expect(lines).toContain('               errors in the third digit; the export check');
  });
});

const machineWithGpus: MachineFacts = {
  textura: '0.1.0',
  node: { version: 'v22.0.0', path: '/usr/bin/node' },
  system: { name: 'Linux 6', arch: 'x64' },
  processor: { model: 'A processor', usableCores: 1, visibleCores: 3 },
  memory: { availableBytes: 1.5 * 2 ** 30, limitBytes: 4 * 2 ** 30 },
  disk: { folder: '/data', freeBytes: 2 ** 40 },
  gpus: ['NVIDIA T4, 570.1, 15360 MiB', 'NVIDIA L4, 570.1, 23034 MiB'],
  cuda: {
    precision: 'tf32',
    tf32Override: '1',
    driver: {
      gpus: [{ name: 'NVIDIA T4', driver: '570.1', computeCapability: '7.5' }],
      library: '/lib/libcuda.so.1',
    },
    provider: {
      'libonnxruntime_providers_cuda.so': '/cache/libonnxruntime_providers_cuda.so',
      'libonnxruntime_providers_shared.so': '/cache/libonnxruntime_providers_shared.so',
    },
    libraries: { 'libcudart.so.13': '/cuda/libcudart.so.13' },
  },
  tfjs: { tfjs: '4.22.0', tensorflow: '2.21.0', gpu: true },
  onnx: { onnxruntime: '1.30.0', providers: [{ name: 'cpu', bundled: true }] },
  tools: {},
  train: { engine: 'tfjs', device: 'gpu', why: 'TensorFlow 2.21.0 sees a GPU' },
  classify: { runtime: 'onnxruntime 1.30.0', device: 'cpu' },
};
