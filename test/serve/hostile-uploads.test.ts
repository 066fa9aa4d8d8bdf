import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { hostileLimits, hostileUploads } from '../support/hostile-uploads.ts';
import { exportModels, type RunningService, runService } from '../support/running-service.ts';

let home: string;
let running: RunningService;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'textura-hostile-'));
  await exportModels(home, [{ variant: 'lab-baseline' }]);
  running = await runService(home, hostileLimits);
});

afterAll(async () => {
  await running.close();
  await rm(home, { recursive: true });
});

hostileUploads({
  address: () => running.address,
  memoryBytes: async () => process.memoryUsage().rss,
  mutations: { files: 150, json: 60 },
});
