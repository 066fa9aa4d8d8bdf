import { strToU8, unzipSync, zipSync } from 'fflate';
import { expect, test } from 'vitest';
import { patchBytes } from '../../model/patch.ts';
import { greyPng } from '../../web-demo/page/teach/grey-png.ts';
import { ProjectError, projectFile, readProject } from '../../web-demo/page/teach/project-file.ts';

const patch = (seed: number) => Uint8Array.from({ length: patchBytes }, (_, i) => (i * seed) % 251);
const trained = {
  name: 'yard',
  model: Uint8Array.of(1, 2, 3),
  labels: ['oak', 'é'],
  colours: [3, 0],
  base: 'texture-net',
  heldOut: { wrong: 1, count: 3 },
  heldOutOf: [
    { wrong: 1, count: 2 },
    { wrong: 0, count: 1 },
  ],
  trainingPatches: 9,
  seconds: 1.5,
  selfCheck: [{ patch: 'AAAA', probabilities: [0.25, 0.75] }],
};
const surfaces = [
  { name: 'é', colour: 0, patches: [patch(3), patch(5)] },
  { name: 'oak', colour: 3, patches: [patch(7)] },
];

test('a project is read back with its surfaces, colours, patches and model', () => {
  const zip = projectFile({ surfaces, trained });
  expect(readProject(zip)).toEqual({ surfaces, trained, leftOut: 0 });
  const files = Object.keys(unzipSync(zip));
  expect(files.toSorted()).toEqual(
    ['README.txt', 'oak/0001.png', 'project.json', 'yard.onnx', 'é/0001.png', 'é/0002.png'].toSorted(),
  );
});

test('surfaces without a usable name, or with the same one, get folders of their own', () => {
  const unnamed = [
    { name: '', colour: 0, patches: [patch(1)] },
    { name: 'a', colour: 1, patches: [patch(2)] },
    { name: 'a', colour: 2, patches: [patch(3)] },
    { name: 'A', colour: 3, patches: [patch(4)] },
  ];
  const zip = projectFile({ surfaces: unnamed, trained: undefined });
  expect(readProject(zip)).toEqual({ surfaces: unnamed, trained: undefined, leftOut: 0 });
  // Also where upper and lower case are the same.
  const folders = Object.keys(unzipSync(zip)).filter((file) => file.endsWith('.png'));
  expect(new Set(folders.map((file) => file.toLowerCase())).size).toBe(4);
});

test('no folder of a surface has the name of another one or of a file, whatever the surfaces are called', () => {
  const names = ['x-3', 'x', 'X', 'surface-5', '', 'readme.TXT', 'project.json', 'yard.onnx'];
  const awkward = names.map((name, i) => ({ name, colour: i, patches: [patch(i + 1)] }));
  const zip = projectFile({ surfaces: awkward, trained });
  expect(readProject(zip)).toEqual({ surfaces: awkward, trained, leftOut: 0 });
  const entries = Object.keys(unzipSync(zip)).map((file) => file.split('/')[0]?.toLowerCase());
  expect(new Set(entries).size).toBe(names.length + 3);
});

test('class folders of patches without project.json are a project; other files are left out', () => {
  const zip = zipSync({
    'b/0002.png': greyPng(patch(5), 64),
    'b/0001.png': greyPng(patch(3), 64),
    'b/large.png': greyPng(new Uint8Array(65 * 65), 65),
    'a/notes.txt': strToU8('no patch'),
    'a/x.png': greyPng(patch(7), 64),
  });
  const read = readProject(zip);
  expect(read.surfaces).toEqual([
    { name: 'a', colour: 0, patches: [patch(7)] },
    { name: 'b', colour: 1, patches: [patch(3), patch(5)] },
  ]);
  expect(read.leftOut).toBe(1);
});

test('of a damaged project, the pictures that are left out are counted, and a missing model is empty', () => {
  const files = unzipSync(projectFile({ surfaces, trained }));
  const damaged = {
    ...files,
    'é/0002.png': (files['é/0002.png'] ?? new Uint8Array()).map((byte, at) => (at === 300 ? ~byte : byte)),
    'moss/0001.png': greyPng(patch(9), 64),
    'oak/older/0001.png': greyPng(patch(11), 64),
    '__MACOSX/oak/._0001.png': strToU8('not a picture'),
    'yard.onnx': undefined,
  };
  const kept = Object.entries(damaged).filter((entry): entry is [string, Uint8Array] => !!entry[1]);
  expect(readProject(zipSync(Object.fromEntries(kept)))).toEqual({
    surfaces: [{ name: 'é', colour: 0, patches: [patch(3)] }, surfaces[1]],
    trained: { ...trained, model: new Uint8Array() },
    leftOut: 3,
  });
});

test('a model gets a name that is a file name, because the next export writes a file of that name', () => {
  const { trained: read } = readProject(projectFile({ surfaces, trained: { ...trained, name: '../x' } }));
  expect(read).toEqual({ ...trained, name: 'my-surfaces' });
});

test('a file that is no project is refused: no zip, no patches, another description, too large', () => {
  const tooLarge = Buffer.from(zipSync({ 'a/0001.png': greyPng(patch(1), 64) }, { level: 0 }));
  // The size in the central directory, which is after its signature.
  tooLarge.writeUInt32LE(300e6, tooLarge.indexOf('PK\u0001\u0002') + 24);
  const described = (text: string) =>
    zipSync({ 'project.json': strToU8(text), 'a/1.png': greyPng(patch(1), 64) });
  for (const [zip, fault] of [
    [strToU8('no zip'), 'not-project'],
    [zipSync({ 'README.txt': strToU8('nothing') }), 'not-project'],
    [described('{"format":"other"}'), 'not-project'],
    [described('{'), 'not-project'],
    [projectFile({ surfaces, trained: { ...trained, heldOut: { wrong: 0, count: 0 } } }), 'not-project'],
    [tooLarge, 'too-large'],
  ] as const) {
    expect(() => readProject(zip)).toThrow(new ProjectError(fault));
  }
});
