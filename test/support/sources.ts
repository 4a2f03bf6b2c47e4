import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Contents by path, `/` between its parts. */
export type SourceFiles = Readonly<Record<string, string | Uint8Array>>;

/** Writes files below a folder; those that are there already stay. */
export async function writeSources(folder: string, files: SourceFiles): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    const target = join(folder, path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, content);
  }
}

/** A small program; `word` stands in it where nothing else puts it. */
export function smallSources(word: string): SourceFiles {
  return {
    'README.md': `# Harbour\n\nAbout ${word}.\n`,
    'src/harbour.py': `"""Ships."""\n\n\ndef dock_${word}(ship):\n    if ship.is_late:\n        return None\n    return ship.name\n\n\nclass Pier:\n    def open(self):\n        return dock_${word}(self)\n`,
    'src/lighthouse.ts': `export function blink_${word}(times: number): string {\n  return 'x'.repeat(times);\n}\n`,
    'image.bin': new Uint8Array([0, 1, 2, 255, 0, 3]),
  };
}

/** So many files of some 40 lines each, all different: enough to be caught in the middle of. */
export function manySources(count: number): SourceFiles {
  const body = (n: number): string =>
    Array.from(
      { length: 8 },
      (_, k) => `def step_${n}_${k}(value):\n    if value > ${k}:\n        return step_${n}_${(k + 1) % 8}(value - 1)\n    return value + ${n}\n\n`,
    ).join('\n');
  return Object.fromEntries(Array.from({ length: count }, (_, n) => [`pkg_${n % 20}/module_${n}.py`, body(n)]));
}
