import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { groupOption, groupsOf } from '../../../training/data/groups.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const names = ['bark/roll1-a.png', 'bark/roll2-b.png', 'brick/roll1-c.png'];
const grouped = async (option: string, of: readonly string[] = names) =>
  Object.fromEntries((await groupsOf(of, option)).groups);

describe('a regular expression', () => {
  test('names the group by its first capture group, or else by the whole match', async () => {
    expect(await grouped('/(roll\\d)-(.)')).toEqual({
      'bark/roll1-a.png': 'roll1',
      'bark/roll2-b.png': 'roll2',
      'brick/roll1-c.png': 'roll1',
    });
    expect(Object.values(await grouped('^[^-]+'))).toEqual(['bark/roll1', 'bark/roll2', 'brick/roll1']);
  });

  test('reads names in NFC, whatever the file system gives', async () => {
    const decomposed = 'fu\u0308r/1.png';
    expect(await grouped('^f\u00fcr', [decomposed])).toEqual({ [decomposed]: 'f\u00fcr' });
  });

  test('that finds no group, or an empty one, in some photographs is an error with their number and names', async () => {
    const many = Array.from({ length: 9 }, (_, i) => `wood/${i}.png`);
    await expect(grouped('roll\\d', [...names, ...many])).rejects.toMatchObject({
      code: 'data-unusable',
      message:
        '--group roll\\d: the expression finds no group in 9 of 12 photographs ' +
        '(wood/0.png, wood/1.png, wood/2.png, wood/3.png, wood/4.png and 4 more)',
    });
    await expect(grouped('roll1(x?)')).rejects.toThrow('no group in 3 of 3 photographs');
  });

  test('that is invalid is an error that says so', async () => {
    await expect(grouped('(roll')).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringMatching(
        /^--group: expected a CSV file \(\.csv\) or a regular expression: .*group/,
      ),
    });
  });
});

describe('a CSV file', () => {
  async function fromFile(text: string) {
    const file = join(await temporaryFolder({ 'Rolls.CSV': text }), 'Rolls.CSV');
    const { groups, notes } = await groupsOf(names, file).catch((error: Error) => {
      error.message = error.message.replaceAll(file, 'FILE');
      throw error;
    });
    return { groups: Object.fromEntries(groups), notes: notes.map((note) => note.replaceAll(file, 'FILE')) };
  }

  test('gives each photograph its group, with columns in any order; other lines are noted', async () => {
    const text =
      '\ufeffgroup,file\r\nmonday,bark/roll1-a.png\r\n"mon,day",bark/roll2-b.png\r\n\r\n' +
      'monday,brick/roll1-c.png\r\ntuesday,gone.png\r\n';
    expect(await fromFile(text)).toEqual({
      groups: {
        'bark/roll1-a.png': 'monday',
        'bark/roll2-b.png': 'mon,day',
        'brick/roll1-c.png': 'monday',
      },
      notes: ['FILE has groups for 1 file that the data lack: gone.png'],
    });
  });

  test('puts groups that differ only in spaces around them together', async () => {
    const text = 'file,group\nbark/roll1-a.png,one\nbark/roll2-b.png, one\nbrick/roll1-c.png,one two\n';
    expect(Object.values((await fromFile(text)).groups)).toEqual(['one', 'one', 'one two']);
  });

  test.each([
    ['', 'FILE: line 1: expected the header file,group, got an empty file'],
    [
      'file;group\n',
      'line 1: expected the header file,group, got file;group. The columns must be separated by commas',
    ],
    ['file,group,who\n', 'line 1: expected the header file,group; remove or rename the other columns: who'],
    ['file,group,file\n', 'line 1: there are two columns file; remove one'],
    ['file,group\na.png,x\nb.png\n', 'line 3: expected 2 values, got 1'],
    [
      'file,group\na, b.png,x\n',
      'line 2: expected 2 values, got 3; put values that contain a comma in double quotes',
    ],
    ['file,group\n"a\nb.png",x\nb.png, \n', 'line 4: group is empty; fill it in, or remove the line'],
    ['file,group\na"b.png,x\n', 'line 2: stray quote'],
    [
      'file,group\nx.png,a\ny.png,b\nx.png,a\n',
      'line 4: x.png is already on line 2; remove one of the lines',
    ],
    [
      'file,group\nroll1-a.png,a\n',
      'FILE: there is no line for 3 of 3 photographs (bark/roll1-a.png, bark/roll2-b.png, brick/roll1-c.png). ' +
        'The column file has paths relative to the data folder, such as bark/roll1-a.png',
    ],
  ])('%j is an error that names the line', async (text, message) => {
    await expect(fromFile(text)).rejects.toMatchObject({
      code: 'data-unusable',
      message: expect.stringContaining(message),
    });
  });

  test('that is missing or not UTF-8 is an error', async () => {
    await expect(grouped('/nowhere/rolls.csv')).rejects.toMatchObject({
      code: 'file-unreadable',
      message: '/nowhere/rolls.csv: there is no such file',
    });
    const folder = await temporaryFolder({ 'x.csv': Buffer.from('file,group\n\xff,a\n', 'latin1') });
    await expect(grouped(join(folder, 'x.csv'))).rejects.toThrow(/x\.csv: the file is not UTF-8/);
  });
});

test('only a file is looked for where npm was started', () => {
  expect(groupOption(undefined)).toBeUndefined();
  expect(groupOption('(roll\\d)')).toBe('(roll\\d)');
});
