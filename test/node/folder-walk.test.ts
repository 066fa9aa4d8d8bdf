import { expect, test, vi } from 'vitest';
import { isInside } from '../../node/folder-walk.ts';

test('a path is inside itself and the folders above it', () => {
  for (const outer of ['/', '/photos', '/photos/a']) expect(isInside('/photos/a', outer), outer).toBe(true);
  expect(isInside('/photos/..a', '/photos')).toBe(true);
  for (const inner of ['/', '/photos-a', '/runs/photos'])
    expect(isInside(inner, '/photos'), inner).toBe(false);
});

test('on Windows a path is inside a folder in any case, and not on another drive', async () => {
  vi.resetModules();
  vi.doMock('node:path', () => import('node:path/win32'));
  try {
    const onWindows = await import('../../node/folder-walk.ts');
    expect(onWindows.isInside('c:\\photos\\runs', 'C:\\Photos')).toBe(true);
    expect(onWindows.isInside('D:\\runs', 'C:\\photos')).toBe(false);
    expect(onWindows.isInside('\\\\server\\runs', 'C:\\photos')).toBe(false);
  } finally {
    vi.doUnmock('node:path');
    vi.resetModules();
  }
});
