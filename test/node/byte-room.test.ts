import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteRoom } from '../../node/byte-room.ts';

/** Starts pieces of work that end on request. */
function workshop(room: ByteRoom) {
  const started: string[] = [];
  const ends = new Map<string, (error?: Error) => void>();
  const begin = (name: string, bytes: number) =>
    room.while(
      bytes,
      () =>
        new Promise<string>((resolve, reject) => {
          started.push(name);
          ends.set(name, (error) => (error === undefined ? resolve(name) : reject(error)));
        }),
    );
  const end = (name: string, error?: Error) => ends.get(name)?.(error);
  return { started, begin, end };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test('pieces of work that do not fit at the same time wait, first come, first served', async () => {
  const room = new ByteRoom(10);
  const { started, begin, end } = workshop(room);
  const all = [begin('a', 6), begin('b', 4), begin('c', 5), begin('d', 1)];
  await settled();
  expect([started, room.takenBytes]).toEqual([['a', 'b'], 10]);
  end('b');
  await settled();
  expect(started).toEqual(['a', 'b']);
  end('a');
  await settled();
  expect([started, room.takenBytes]).toEqual([['a', 'b', 'c', 'd'], 6]);
  end('c');
  end('d');
  expect(await Promise.all(all)).toEqual(['a', 'b', 'c', 'd']);
  expect(room.takenBytes).toBe(0);
});

test('a piece larger than the budget runs alone, and a failing one releases its memory', async () => {
  const { started, begin, end } = workshop(new ByteRoom(10));
  const [small, large, last] = [begin('small', 1), begin('large', 99), begin('last', 1)];
  await settled();
  expect(started).toEqual(['small']);
  end('small');
  await settled();
  expect(started).toEqual(['small', 'large']);
  end('large', new Error('broken'));
  await expect(large).rejects.toThrow('broken');
  await settled();
  end('last');
  expect(await Promise.all([small, last])).toEqual(['small', 'last']);
});

test('the limits on bytes and pieces are never exceeded, and all pieces are done', async () => {
  const sizes = fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(sizes, fc.integer({ min: 1, max: 5 }), async (pieces, most) => {
      const room = new ByteRoom(10, most);
      let inWork = 0;
      let done = 0;
      await Promise.all(
        pieces.map((bytes) =>
          room.while(bytes, async () => {
            inWork++;
            expect(inWork).toBeLessThanOrEqual(most);
            expect(inWork === 1 || room.takenBytes <= 10).toBe(true);
            await settled();
            inWork--;
            done++;
          }),
        ),
      );
      expect([done, room.takenBytes]).toEqual([pieces.length, 0]);
    }),
  );
});
