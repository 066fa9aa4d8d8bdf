/** npm run classify -- FOLDER --csv FILE, with a model of random weights. */
import { spawn } from 'node:child_process';
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { csvRows, csvText } from '../../model/csv.ts';
import { defaultMaxImagePixels } from '../../model/image-kind.ts';
import { ClassificationTable, type ClassifiedRow } from '../../serve/folder/classification-table.ts';
import { classifyFolder } from '../../serve/folder/classify-folder.ts';
import { listFolder } from '../../serve/folder/folder-listing.ts';
import { readModelFile } from '../../serve/model.ts';
import { type CommandResult, runHere, startArguments } from '../support/command.ts';
import { asOrdinaryUser } from '../support/ordinary-user.ts';
import { recordingTerminal } from '../support/recording-terminal.ts';
import { exportModels } from '../support/running-service.ts';
import { smallPhotographs } from '../support/small-photographs.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

let home: string;
/** The run that made photos.csv. */
let first: CommandResult;
const model = 'models/lab-baseline.onnx';
const classify = (...args: readonly string[]): Promise<CommandResult> =>
  runHere('serve/classify.ts', ['--model', model, ...args], { cwd: home });
const table = (name: string) => readFile(join(home, name), 'utf8');

/** The rows of a table as records. */
async function rowsOf(name: string): Promise<readonly Readonly<Record<string, string>>[]> {
  const [columns = [], ...rows] = csvRows(await table(name), name);
  return rows.map((row) => Object.fromEntries(columns.map((column, i) => [column, row[i] ?? ''])));
}

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'textura-folder-'));
  await exportModels(join(home, 'models'), [{ variant: 'lab-baseline', labels: ['=sum', 'brick', 'knit'] }]);
  await exportModels(join(home, 'others'), [{ variant: 'lab-baseline', labels: ['a', 'b', 'c'], seed: 8 }]);
  const pictures = await smallPhotographs('', ['brick', 'knit'], 6);
  const [picture = new Uint8Array(), ...others] = Object.values(pictures);
  const names = [
    '=1+1.png',
    'a, "b"/c.png',
    'line\nbreak.png',
    'deep/er/still.png',
    'plain 1.png',
    'plain 2.png',
    'plain 3.png',
    'Straße.png',
  ];
  const files: Record<string, string | Uint8Array> = {
    ...Object.fromEntries(names.map((name, i) => [name, others[i] ?? picture])),
    'cut.png': picture.subarray(0, picture.length / 2),
    'notes.txt': 'no picture',
    'small.png': await sharp(picture).extract({ left: 0, top: 0, width: 70, height: 63 }).png().toBuffer(),
    '.hidden/x.png': picture,
    'Thumbs.db': 'no picture',
  };
  for (const [name, content] of Object.entries(files)) {
    await mkdir(join(home, 'photos', name, '..'), { recursive: true });
    await writeFile(join(home, 'photos', name), content);
  }
  await symlink('..', join(home, 'photos/deep/up'));
  await symlink('nowhere', join(home, 'photos/broken'));
  await mkdir(join(home, 'empty'));
  await mkdir(join(home, 'useless'));
  await writeFile(join(home, 'useless/a.txt'), 'no picture');
  first = await classify('photos', '--csv', 'photos.csv');
});
afterAll(() => rm(home, { recursive: true }));

describe('a folder becomes a table', () => {
  test('with a row for each file, in order of names, and the probabilities of single pictures', async () => {
    const result = first;
    expect(result, result.stderr).toMatchObject({ status: 0 });
    // Without the progress that a busy machine prints after some seconds.
    const messages = result.stderr
      .trimEnd()
      .split('\n')
      .filter((line) => !line.includes(' left'));
    expect(messages).toEqual([
      expect.stringMatching(/^classify: skipped broken: a broken link: nowhere does not exist$/),
      'classify: skipped cut.png: the PNG file is truncated or corrupt',
      expect.stringMatching(/^classify: skipped notes\.txt: expected an image/),
      expect.stringMatching(/^classify: skipped small\.png: the image is 70x63/),
    ]);
    expect(result.stdout).toMatch(/^photos\.csv: 8 pictures classified, 4 files skipped\n12 files in /);
    const rows = await rowsOf('photos.csv');
    expect(rows.map(({ file }) => file)).toEqual([
      './=1+1.png',
      'Straße.png',
      'a, "b"/c.png',
      'broken',
      'cut.png',
      'deep/er/still.png',
      'line\nbreak.png',
      'notes.txt',
      'plain 1.png',
      'plain 2.png',
      'plain 3.png',
      'small.png',
    ]);
    expect(rows[3]).toMatchObject({
      label: '',
      probability: '',
      skipped: expect.stringContaining('nowhere'),
    });
    const used = rows.filter(({ skipped }) => skipped === '');
    const paths = used.map(({ file = '' }) => `photos/${file}`);
    const single = await classify('--json', '--top', '2', ...paths);
    const { results } = JSON.parse(single.stdout) as {
      results: { predictions: { label: string; probability: number }[]; crops: number }[];
    };
    for (const [i, row] of used.entries()) {
      const { predictions = [], crops } = results[i] ?? {};
      const label = (place: number) => predictions[place]?.label.replace('=sum', "'=sum");
      const { label: own, second_label: second, patches, known, known_margin: margin } = row;
      expect([own, second, patches, known, margin]).toEqual([label(0), label(1), String(crops), '', '']);
      expect(Number(row.probability)).toBeCloseTo(predictions[0]?.probability ?? -1, 5);
      expect(Number(row.second_probability)).toBeCloseTo(predictions[1]?.probability ?? -1, 5);
    }
  });

  test('which an interrupted run can leave cut off at any byte: complete rows stay, the rest is written again', async () => {
    const whole = await readFile(join(home, 'photos.csv'));
    const { name, sha256 } = await readModelFile(join(home, model));
    const settings = {
      model: `${name} ${sha256.slice(0, 12)}`,
      options: '--crops auto --max-image-pixels 100000000',
    };
    const path = join(home, 'cut.csv');
    const lines = csvRows(whole.toString(), 'photos.csv').map((row) => Buffer.from(csvText([row])));
    const ends = lines.map((_, i) => Buffer.concat(lines.slice(0, i + 1)).length);
    for (let cut = 0; cut <= whole.length; cut += 11) {
      await writeFile(path, whole.subarray(0, cut));
      const rows: ClassifiedRow[] = [];
      await (await ClassificationTable.open(path, settings, (row) => rows.push(row))).close();
      const complete = Math.max(1, ends.filter((end) => end <= cut).length);
      expect(rows, `cut at ${cut}`).toHaveLength(complete - 1);
      const left = whole.subarray(0, ends[complete - 1]);
      expect((await readFile(path)).equals(left), `cut at ${cut}`).toBe(true);
    }
    await writeFile(path, whole.subarray(0, whole.indexOf('line\nbreak') + 6));
    expect(await classify('photos', '--csv', 'cut.csv')).toMatchObject({ status: 0 });
    expect((await readFile(path)).equals(whole)).toBe(true);
    const again = await classify('photos', '--csv', 'cut.csv');
    expect(again.stdout).toContain('12 files had a row already');
    expect((await readFile(path)).equals(whole)).toBe(true);
  });

  test('also after kill -9', async () => {
    const pictures = await smallPhotographs('many', ['brick', 'knit'], 20);
    const folder = await temporaryFolder(pictures);
    const args = [...startArguments('serve/classify.ts'), '--model', join(home, model), 'many'];
    const child = spawn(process.execPath, [...args, '--csv', 'killed.csv'], { cwd: folder, stdio: 'ignore' });
    const ended = new Promise((resolve) => child.on('exit', (_, signal) => resolve(signal)));
    const path = join(folder, 'killed.csv');
    while ((await readFile(path, 'utf8').catch(() => '')).split('\n').length < 4) await sleep(2);
    child.kill('SIGKILL');
    expect(await ended).toBe('SIGKILL');
    expect((await readFile(path, 'utf8')).split('\n').length).toBeLessThan(42);
    for (const name of ['killed.csv', 'whole.csv']) {
      const options = ['--model', join(home, model), 'many', '--csv', name];
      expect(await runHere('serve/classify.ts', options, { cwd: folder })).toMatchObject({ status: 0 });
    }
    expect(await readFile(path, 'utf8')).toBe(await readFile(join(folder, 'whole.csv'), 'utf8'));
  });

  test('to which new pictures are appended, in a folder that contains the table', async () => {
    const files = await smallPhotographs('in', ['brick'], 2);
    for (const [name, content] of Object.entries(files)) {
      await mkdir(join(home, name, '..'), { recursive: true });
      await writeFile(join(home, name), content);
    }
    await classify('in', '--csv', 'in/table.csv');
    const before = await table('in/table.csv');
    await writeFile(join(home, 'in/added.png'), Object.values(files)[0] ?? '');
    const result = await classify('in', '--csv', 'in/table.csv');
    expect(result.stdout).toMatch(
      /^in\/table\.csv: 3 pictures classified, 0 files skipped\n2 files had a row/,
    );
    expect((await table('in/table.csv')).startsWith(before)).toBe(true);
    expect((await rowsOf('in/table.csv')).map(({ file }) => file)).toEqual([
      'brick/00.png',
      'brick/01.png',
      'added.png',
    ]);
  });
});

test('copies are sorted into class folders by a table that is complete', async () => {
  await writeFile(join(home, 'copied.csv'), await table('photos.csv'));
  const result = await classify(
    'photos',
    '--csv',
    'copied.csv',
    '--copy-to',
    'sorted',
    '--doubtful-below',
    '0',
  );
  expect(result, result.stderr).toMatchObject({ status: 0, stderr: '' });
  const used = (await rowsOf('copied.csv')).filter(({ skipped }) => skipped === '');
  for (const { file = '', label = '' } of used) {
    const copy = await readFile(join(home, 'sorted', label.replace("'", ''), basename(file)));
    expect(copy.equals(await readFile(join(home, 'photos', file)))).toBe(true);
  }
  expect(result.stdout).toMatch(/^folder in sorted +pictures\n-+\n/m);
  const counts = [...result.stdout.matchAll(/^\S+ +(\d+)$/gm)].map(([, count]) => Number(count));
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(used.length);
  const doubtful = ['--copy-to', 'doubtful', '--doubtful-below', '1'];
  await classify('photos', '--csv', 'copied.csv', ...doubtful);
  expect(await readdir(join(home, 'doubtful'))).toEqual(['_doubtful']);
  expect(await table('copied.csv')).toBe(await table('photos.csv'));
});

test('Ctrl-C while the rows of a complete table are copied ends as interrupted', async () => {
  await writeFile(join(home, 'stopped.csv'), await table('photos.csv'));
  const options = {
    folder: join(home, 'photos'),
    csv: join(home, 'stopped.csv'),
    crops: 'auto',
    maxPixels: defaultMaxImagePixels,
    copies: { to: join(home, 'stopped'), doubtfulBelow: 0 },
  } as const;
  const terminal = recordingTerminal();
  const outputs = { output: terminal, messages: terminal };
  const copying = classifyFolder(await readModelFile(join(home, model)), options, outputs);
  process.listeners('SIGINT').at(-1)?.('SIGINT');
  await expect(copying).rejects.toMatchObject({
    code: 'interrupted',
    message: expect.stringMatching(
      /^interrupted: 0 of \d+ rows of .*stopped\.csv were copied; the same command/,
    ),
  });
});

test('a watched folder: new files are classified once they are complete, until it is stopped', async () => {
  const pictures = await smallPhotographs('in', ['brick'], 2);
  const [old = new Uint8Array(), added = new Uint8Array()] = Object.values(pictures);
  const half = added.subarray(0, added.length / 2);
  const folder = await temporaryFolder({ 'in/old.png': old, 'in/arriving.png': half });
  await utimes(join(folder, 'in/old.png'), 1_000_000_000, 1_000_000_000);
  // Quiet for long enough to be read, and not to be given up.
  const secondsAgo = Date.now() / 1000 - 5;
  await utimes(join(folder, 'in/arriving.png'), secondsAgo, secondsAgo);
  const terminal = recordingTerminal();
  const options = {
    folder: join(folder, 'in'),
    csv: join(folder, 'w.csv'),
    crops: 'auto',
    maxPixels: 1e6,
    watch: { intervalMs: 20, settledMs: 60, patienceMs: 60_000 },
  } as const;
  const running = classifyFolder(await readModelFile(join(home, model)), options, {
    output: terminal,
    messages: terminal,
  });
  const rows = async () => csvRows(await readFile(options.csv, 'utf8').catch(() => ''), 'w.csv').slice(1);
  const until = async (count: number) => {
    while ((await rows()).length < count) await sleep(10);
  };
  await until(1);
  // Half of a picture cannot be decoded; then the rest arrives.
  await writeFile(join(folder, 'in/new.png'), half);
  await sleep(200);
  expect(await rows()).toHaveLength(1);
  await writeFile(join(folder, 'in/arriving.png'), added);
  await until(2);
  await writeFile(join(folder, 'in/new.png'), added);
  await until(3);
  // A file that was written long ago is complete, whatever it is.
  await writeFile(join(folder, 'notes.txt'), 'no picture');
  await utimes(join(folder, 'notes.txt'), 1_000_000_000, 1_000_000_000);
  await rename(join(folder, 'notes.txt'), join(folder, 'in/notes.txt'));
  await until(4);
  process.listeners('SIGINT').at(-1)?.('SIGINT');
  await running;
  const table = await rows();
  expect(table.map(([file, , , , , , , patches]) => [file, patches])).toEqual([
    ['old.png', '4'],
    ['arriving.png', '4'],
    ['new.png', '4'],
    ['notes.txt', ''],
  ]);
  const { lines } = terminal;
  expect(lines[0]).toMatch(/^arriving\.png {2}(=sum|brick|knit) [\d.]+\u00a0%$/);
  expect(lines[1]).toMatch(/^new\.png {2}/);
  expect(lines[2]).toMatch(/^notes\.txt {2}skipped: expected an image/);
  // The summary is wrapped, depending on the length of the path.
  expect(lines.join('\n').replace(/\n {2}/g, ' ')).toMatch(/w\.csv: 3 pictures classified, 1 file skipped\n/);
});

describe('is refused', () => {
  test.each<[string, readonly string[], number, RegExp]>([
    [
      'another model',
      ['photos', '--csv', 'mine.csv', '--model', 'others/lab-baseline.onnx'],
      2,
      /made with lab-/,
    ],
    [
      'other options',
      ['photos', '--csv', 'mine.csv', '--crops', 'center'],
      2,
      /made with .*--crops auto .*another/,
    ],
    [
      'a file that is no table',
      ['photos', '--csv', 'photos/notes.txt'],
      2,
      /is not a table of npm run classify/,
    ],
    ['an empty folder', ['empty', '--csv', 'e.csv'], 3, /empty: there are no files in it/],
    [
      'a missing folder',
      ['missing', '--csv', 'e.csv'],
      3,
      /missing: expected a folder, got a path that does not/,
    ],
    ['a picture', ['photos/cut.png', '--csv', 'e.csv'], 3, /expected a folder, got a file/],
    ['two folders', ['photos', 'empty', '--csv', 'e.csv'], 2, /expected one folder, got photos empty/],
    ['--json', ['photos', '--csv', 'e.csv', '--json'], 2, /--json cannot be used with --csv/],
    ['--watch without --csv', ['photos', '--watch'], 2, /--watch needs a folder and --csv FILE/],
    [
      '--doubtful-below alone',
      ['photos', '--csv', 'e.csv', '--doubtful-below', '0.4'],
      2,
      /needs --copy-to DIR/,
    ],
    ['a folder without --csv', ['photos'], 2, /photos: is a folder; add --csv FILE/],
  ])('%s', async (_, args, status, message) => {
    await writeFile(join(home, 'mine.csv'), await table('photos.csv'));
    const result = await classify(...args);
    expect(result.status).toBe(status);
    expect(result.stderr).toMatch(message);
    expect(result.stdout).toBe('');
    await expect(table('e.csv')).rejects.toThrow('ENOENT');
    expect(await table('mine.csv')).toBe(await table('photos.csv'));
  });

  test('a folder without any picture, whose table has the reasons', async () => {
    const result = await classify('useless', '--csv', 'useless.csv');
    expect(result).toMatchObject({ status: 3, stdout: '' });
    expect(result.stderr).toContain(
      'useless: none of its 1 file can be classified; useless.csv has the reasons',
    );
    expect(await rowsOf('useless.csv')).toMatchObject([{ file: 'a.txt' }]);
  });

  test('a damaged table, naming the row', async () => {
    const whole = await table('photos.csv');
    await writeFile(join(home, 'bad.csv'), whole.replace(/Straße.png,.*/, 'Straße.png,brick'));
    const result = await classify('photos', '--csv', 'bad.csv');
    expect(result).toMatchObject({ status: 3 });
    expect(result.stderr).toContain('bad.csv: row 3: expected 11 fields, got 2; delete the row');
  });
});

test('a folder that cannot be listed gets a row with the reason', async () => {
  const folder = await temporaryFolder({ 'closed/a.png': '', 'open/b.png': '' });
  await chmod(folder, 0o755);
  await chmod(join(folder, 'closed'), 0o000);
  const listed = await asOrdinaryUser(() => listFolder(folder, join(folder, 'x.csv')));
  const inside = asOrdinaryUser(() => listFolder(join(folder, 'closed/deeper'), ''));
  await expect(inside).rejects.toThrow('closed/deeper: expected a folder, got an unreadable path (EACCES)');
  await chmod(join(folder, 'closed'), 0o755);
  expect(listed.map(({ name, why }) => [name, why])).toEqual([
    ['closed', 'the folder cannot be listed: this user may not read it (EACCES)'],
    ['open/b.png', undefined],
  ]);
});
