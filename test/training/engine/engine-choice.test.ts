import { expect, it, vi } from 'vitest';
import { networkOf } from '../../../model/network.ts';
import { chooseEngine } from '../../../training/engine/engine-choice.ts';
import { chosenEngine, openEngine } from '../../../training/engine/engine-opening.ts';

const withGpu = { tensorflow: { tensorflow: '2.21.0', gpu: true } };
const withoutGpu = { tensorflow: { tensorflow: '2.21.0', gpu: false } };

it('the automatic engine is tfjs if TensorFlow sees a GPU, otherwise onnx, with the reason', () => {
  const request = { engine: 'auto', device: 'auto' } as const;
  expect(chooseEngine(request, withGpu)).toEqual({
    engine: 'tfjs',
    device: 'gpu',
    why: expect.stringContaining('sees a GPU'),
  });
  expect(chooseEngine(request, withoutGpu)).toMatchObject({
    engine: 'onnx',
    why: expect.stringContaining('no GPU'),
  });
  expect(chooseEngine(request, {})).toMatchObject({
    engine: 'onnx',
    why: expect.stringContaining('not set up'),
  });
});

it('a device that only the onnx engine has selects that engine, and is rejected for the other', () => {
  for (const device of ['webgpu', 'cuda'] as const) {
    expect(chooseEngine({ engine: 'auto', device }, withGpu)).toEqual({
      engine: 'onnx',
      device,
      why: `--device ${device}`,
    });
    expect(() => chooseEngine({ engine: 'tfjs', device }, withGpu)).toThrow(
      `--engine tfjs: expected --device auto, cpu or gpu, got ${device}`,
    );
  }
});

it('the requested engine and device are used', () => {
  expect(chooseEngine({ engine: 'tfjs', device: 'cpu' }, withGpu)).toMatchObject({
    engine: 'tfjs',
    device: 'cpu',
  });
  expect(chooseEngine({ engine: 'onnx', device: 'cpu' }, {})).toMatchObject({
    engine: 'onnx',
    device: 'cpu',
  });
});

it('the onnx engine uses CUDA if that is set up and no device is requested', () => {
  const hasCuda = true;
  const onCuda = { engine: 'onnx', device: 'cuda', why: 'CUDA is set up', mayUseCpu: true };
  expect(chooseEngine({ engine: 'auto', device: 'auto' }, { hasCuda, ...withoutGpu })).toEqual(onCuda);
  expect(chooseEngine({ engine: 'onnx', device: 'auto' }, { hasCuda })).toEqual(onCuda);
  expect(chooseEngine({ engine: 'auto', device: 'auto' }, { hasCuda, ...withGpu }).engine).toBe('tfjs');
  for (const device of ['cpu', 'webgpu', 'gpu'] as const) {
    const choice = chooseEngine({ engine: 'onnx', device }, { hasCuda });
    expect(choice).toEqual({ engine: 'onnx', device, why: '--engine onnx' });
  }
  expect(chooseEngine({ engine: 'tfjs', device: 'auto' }, { hasCuda, ...withoutGpu }).device).toBe('cpu');
});

it('trains on the CPU, and reports why, if a device that nobody requested cannot be used', async () => {
  const network = networkOf('texture-net', 2);
  const choice = { engine: 'onnx', device: 'cuda', why: 'CUDA is set up' } as const;
  const opening = { threads: 1, batch: 4 };
  // On a machine with CUDA too.
  vi.stubEnv('CUDA_VISIBLE_DEVICES', '');
  await expect(openEngine(choice, network, opening)).rejects.toMatchObject({ code: 'engine-unavailable' });
  const reasons: string[] = [];
  const engine = await openEngine({ ...choice, mayUseCpu: true }, network, opening, (reason) =>
    reasons.push(reason),
  );
  expect([engine.name, engine.device]).toEqual(['onnx', 'cpu']);
  expect(reasons).toEqual([expect.stringMatching(/^onnxruntime cannot use cuda/)]);
  await engine.dispose();
});

it('a resumed run continues on its engine and device unless another is requested', async () => {
  const auto = { engine: 'auto', device: 'auto' } as const;
  const onCuda = { engine: 'onnx', device: 'cuda' } as const;
  expect(await chosenEngine(auto, onCuda)).toEqual({ ...onCuda, why: 'as before', mayUseCpu: true });
  const onCpu = { engine: 'onnx', device: 'cpu' } as const;
  expect(await chosenEngine({ engine: 'onnx', device: 'auto' }, onCpu)).toMatchObject(onCpu);
  expect(await chosenEngine({ engine: 'auto', device: 'cpu' }, onCuda)).toMatchObject({
    ...onCpu,
    why: '--device cpu',
  });
  expect(await chosenEngine({ engine: 'onnx', device: 'webgpu' }, onCpu)).toMatchObject({ device: 'webgpu' });
});
