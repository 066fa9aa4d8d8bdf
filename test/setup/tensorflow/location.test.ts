import { homedir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { cacheFolder } from '../../../node/cache-folder.ts';
import { cachedBindingPath, wheelFolder } from '../../../training/engine/tensorflow/location.ts';

describe('the cache', () => {
  it('is in TEXTURA_CACHE, otherwise in XDG_CACHE_HOME, otherwise in ~/.cache', () => {
    expect(cacheFolder({ TEXTURA_CACHE: '/big/disk', XDG_CACHE_HOME: '/xdg' })).toBe('/big/disk');
    expect(cacheFolder({ XDG_CACHE_HOME: '/xdg' })).toBe('/xdg/textura');
    expect(cacheFolder({ XDG_CACHE_HOME: '' })).toBe(`${homedir()}/.cache/textura`);
  });

  it('separates the two builds, and has a binding for each system', () => {
    expect(wheelFolder('cuda', '/c')).toBe('/c/tensorflow-2.21.0-cuda');
    expect(cachedBindingPath('cpu', '/c')).toBe(
      `/c/tensorflow-2.21.0-cpu/binding/4.22.0-${process.platform}-${process.arch}-r1/tfjs_binding.node`,
    );
  });
});
