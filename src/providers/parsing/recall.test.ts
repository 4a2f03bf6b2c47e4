import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { testParser } from './parser-test-kit.ts';

const ROOT = join(import.meta.dirname, '../../..');
const CALLABLES = new Set(['function', 'method', 'constructor', 'class', 'interface', 'struct', 'enum', 'union']);

/** Functions, methods, classes of each in order of line: all that universal-ctags 5.9 finds, and what it passes over. */
test.each([
  {
    id: 'python',
    text: `import a\n\n@dec\nclass A(B):\n    x = 1\n    def __init__(self): pass\n    async def go(self, *,\n                 y=1):\n        def inner(): pass\n        class Local: pass\n    class Nested:\n        @staticmethod\n        def s(): pass\nif True:\n    def cond(): pass\nelse:\n    def cond2(): pass\nf = lambda x: x\n`,
    names: 'A __init__ go inner Local Nested s cond cond2 f',
  },
  {
    id: 'typescript',
    text: `export default class A<T> extends B {\n  constructor(private a: number) { super(); }\n  static async *gen(): AsyncGenerator<T> {}\n  get size(): number { return 1; }\n  declare x: string;\n}\nabstract class C { abstract m(): void; }\nexport interface I { call(a: string): void }\nfunction over(a: string): void;\nfunction over(a: unknown): void {}\nconst arrow = async <T,>(a: T) => a;\nexport enum E { A }\nfunction* it() {}\n`,
    names: 'A constructor gen size C m I call over over arrow E it',
  },
  {
    id: 'c',
    text: `struct a { int x; };\nunion u { int i; float f; };\nenum e { A, B };\nstatic inline int f(void) { return 0; }\nvoid *\ng(int a,\n  int b)\n{ return 0; }\nint (*h(int n))(void) { return 0; }\nint old(a, b) int a; char *b; { return a; }\n#ifdef X\nint cond(int a) {\n#else\nint cond2(int a) {\n#endif\n\treturn a;\n}\nstatic int __init start(void)\n{\n\treturn 0;\n}\n`,
    names: 'a u e f g h old cond cond2 start',
  },
])('$id: finds what ctags finds in a sample', async ({ id, text, names }) => {
  using parser = await testParser();
  const found = parser.parse(text, id).symbols.filter(({ kind }) => CALLABLES.has(kind));
  expect(found.map(({ name }) => name).join(' ')).toBe(names);
});

const hasCtags = /Universal Ctags/.test(spawnSync('ctags', ['--version'], { encoding: 'utf8' }).stdout);

test.skipIf(!hasCtags).each([
  ['node_modules/zod/src/v4/core', 'typescript'],
  ['node_modules/tree-sitter-cpp/src/tree_sitter', 'c'],
])('at least 98 %% of what ctags finds in %s', (folder, language) => {
  const report = execFileSync(process.execPath, [join(ROOT, 'bench/eval-symbols.ts'), join(ROOT, folder), language, '--misses', '9'], {
    encoding: 'utf8',
  });
  const recall = /^all\s.*?([\d.]+) %$/m.exec(report)?.[1];
  expect(Number(recall), report).toBeGreaterThanOrEqual(98);
});
