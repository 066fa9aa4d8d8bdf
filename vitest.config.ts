import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** Tests of pure functions, which need neither TensorFlow nor the compiled repository. */
const pure = ['test/model/**/*.test.ts', 'test/report/**/*.test.ts', 'test/textures/**/*.test.ts'];

export default defineConfig({
  test: {
    // TensorFlow and onnxruntime want processes, not threads. Files share them, because each start of one and
    // each module that it loads again take a third of a second of computing.
    pool: 'forks',
    isolate: false,
    setupFiles: ['test/restored-process.ts'],
    // Many tests wait for a process or a time limit: three at a time use two cores better than two.
    maxWorkers: availableParallelism() + 1,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // A second is too short on a busy machine.
    expect: { poll: { timeout: 10_000 } },
    projects: [
      {
        extends: true,
        test: {
          name: 'all',
          include: ['test/**/*.test.ts'],
          exclude: pure,
          globalSetup: ['test/temporary-folder.ts', 'test/compile-setup.ts', 'test/global-setup.ts'],
        },
      },
      {
        extends: true,
        test: { name: 'pure', include: pure, globalSetup: ['test/temporary-folder.ts'] },
      },
    ],
  },
});
