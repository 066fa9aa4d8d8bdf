import { expect, it } from 'vitest';
import { chooseEngine } from '../../../training/engine/engine-choice.ts';

const withGpu = { tensorflow: '2.21.0', gpu: true };
const withoutGpu = { tensorflow: '2.21.0', gpu: false };

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
  expect(chooseEngine(request, undefined)).toMatchObject({
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
  expect(chooseEngine({ engine: 'onnx', device: 'cpu' }, undefined)).toMatchObject({
    engine: 'onnx',
    device: 'cpu',
  });
});
