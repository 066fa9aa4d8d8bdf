import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readLabelFile } from '../../node/label-file.ts';
import { runProgram } from '../../node/program.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const photographs = { 'oak/1.png': '', 'oak/2.png': '', 'deep/er/3, "b".png': '' };

/** The rows of a file with this text, without the folder. */
async function rowsOf(text: string | Uint8Array, files: Readonly<Record<string, string>> = photographs) {
  const root = await temporaryFolder({ ...files, 'labels.csv': text });
  try {
    const rows = await readLabelFile(join(root, 'labels.csv'));
    return rows.map(({ path, ...row }) => ({ ...row, path: path.replace(`${root}/`, '') }));
  } catch (error) {
    if (error instanceof Error) error.message = error.message.replaceAll(root, 'DATA');
    throw error;
  }
}

test('rows are photographs with label, split and group, in order of names', async () => {
  const text =
    '\ufefflabel,group,file,split\r\n oak ,a,oak/2.png,train\r\noak,a,./oak//1.png,validation\r\n' +
    'fu\u0308r,b,"deep/er/3, ""b"".png",train\r\n';
  expect(await rowsOf(text)).toEqual([
    { name: 'deep/er/3, "b".png', path: 'deep/er/3, "b".png', label: 'f\u00fcr', split: 'train', group: 'b' },
    { name: 'oak/1.png', path: 'oak/1.png', label: 'oak', split: 'validation', group: 'a' },
    { name: 'oak/2.png', path: 'oak/2.png', label: 'oak', split: 'train', group: 'a' },
  ]);
  expect(await rowsOf('file,label\noak/1.png,oak\n')).toEqual([
    { name: 'oak/1.png', path: 'oak/1.png', label: 'oak', split: undefined, group: undefined },
  ]);
});

test('a name is found in the other Unicode normalization, and keeps the spelling of the disk', async () => {
  const onDisk = 'u\u0308.png';
  expect(await rowsOf('file,label\n\u00fc.png,a\n', { [onDisk]: '' })).toMatchObject([
    { name: onDisk, path: onDisk },
  ]);
});

describe('an error names the line and what to do', () => {
  test.each([
    ['file,label\n', 'DATA/labels.csv: line 2: expected a line for each photograph, got only the header'],
    ['file,class\noak/1.png,a\n', 'line 1: expected the header file,label[,split][,group], got file,class'],
    ['file,label\noak/1.png,\n', 'line 2: label is empty; fill it in, or remove the line'],
    ['file,label,group\noak/1.png,a,\n', 'line 2: group is empty; fill it in, or remove the whole column'],
    ['file,label\n/etc/passwd,a\n', 'line 2: /etc/passwd is an absolute path; write it relative'],
    ['file,label\nC:\\photos\\1.png,a\n', 'is an absolute path'],
    [
      'file,label\noak/../../x.png,a\n',
      'line 2: oak/../../x.png is outside the folder of the CSV file; move',
    ],
    ['file,label\na\0.png,a\n', 'line 2: a\\u0000.png contains a null character; remove it'],
    ['file,label\noak/1.png,a\noak\\2.png,a\n', 'line 3: oak\\2.png does not exist; write / between folders'],
    ['file,label\noak,a\n', 'line 2: oak is a folder; paths start at DATA/'],
    [
      'file,label\noak/1.png,a\nx.png,a\ny.png,a\nz.png,a\n',
      'line 3: x.png does not exist (and 2 more lines like it); paths start at DATA/',
    ],
    [
      'file,label\noak/1.png,a\n./oak/1.png,b\n',
      'line 3: oak/1.png is already on line 2; remove one of the lines',
    ],
    [
      'file,label,split\noak/1.png,a,val\n',
      'line 2: expected the split train or validation, got val; write validation',
    ],
    ['file,label,split\noak/1.png,a,test\n', 'got test; list test photographs in a CSV file of their own'],
    ['file,label,split\noak/1.png,a,Train\n', 'got Train; correct it, or remove the whole column'],
  ])('%j', async (text, message) => {
    await expect(rowsOf(text)).rejects.toMatchObject({
      code: 'data-unusable',
      message: expect.stringContaining(message),
    });
  });

  test('also for pipes, broken links and files that are not UTF-8', async () => {
    const root = await temporaryFolder();
    await mkdir(join(root, 'a'));
    await runProgram('mkfifo', [join(root, 'a/pipe.png')]);
    await symlink('nowhere', join(root, 'a/gone.png'));
    const read = async (name: string) => {
      await writeFile(join(root, 'x.csv'), `file,label\na/${name},a\n`);
      return readLabelFile(join(root, 'x.csv'));
    };
    await expect(read('pipe.png')).rejects.toThrow('line 2: a/pipe.png is a device, pipe or socket');
    await expect(read('gone.png')).rejects.toThrow('line 2: a/gone.png does not exist');
    await expect(rowsOf(Buffer.from('file,label\n\xe4.png,a\n', 'latin1'))).rejects.toThrow('is not UTF-8');
  });
});
