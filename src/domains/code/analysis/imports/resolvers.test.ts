import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { generationOf, type KitFile, paceOf } from '../analysis-test-kit.ts';
import { type DependenciesFound, findDependencies } from '../dependencies.ts';
import { ManifestReader } from './manifests.ts';
import { joined, PathIndex } from './path-index.ts';
import { resolverOf } from './resolvers.ts';

const PATHS = [
  'app/__init__.py',
  'app/models.py',
  'app/views/__init__.py',
  'app/views/home.py',
  'lib/tools/__init__.py',
  'lib/tools/hammer.py',
  'setup.py',
  'web/package.json',
  'web/src/index.ts',
  'web/src/panel.tsx',
  'web/src/data/index.js',
  'web/src/style.css',
  'ui/package.json',
  'ui/src/index.ts',
  'ui/button.ts',
  'include/linux/list.h',
  'tools/include/linux/list.h',
  'drivers/net/own.h',
  'drivers/net/card.c',
  'arch/a/include/asm/io.h',
  'arch/b/include/asm/io.h',
  'arch/b/include/uapi/asm/io.h',
  'go.mod',
  'cmd/main.go',
  'store/store.go',
  'core/src/main/java/org/shop/Item.java',
  'test/java/org/shop/ItemTest.java',
  'core/src/main/kotlin/org/shop/Price.kt',
  'crates/base/Cargo.toml',
  'crates/base/src/lib.rs',
  'crates/base/src/net/mod.rs',
  'crates/base/src/net/tcp.rs',
  'crates/base/src/util.rs',
  'src/Model/User.php',
  'helpers.php',
  'gem/lib/stock/shelf.rb',
  'gem/lib/stock.rb',
  'bin/run.sh',
  'bin/lib.sh',
  'site/page.html',
  'site/main.js',
] as const;

const manifests = new ManifestReader();
manifests.take('web/package.json', Buffer.from('{"name":"web"}'));
manifests.take('ui/package.json', Buffer.from('{"name":"@shop/ui"}'));
manifests.take('go.mod', Buffer.from('// comment\nmodule example.com/shop/v2\n\ngo 1.22\n'));
manifests.take('crates/base/Cargo.toml', Buffer.from('[package]\nversion = "1"\nname = "base-kit"\n'));
const context = { index: new PathIndex(PATHS), manifests };

/** The path it leads to; a package with `/` at its end, something external in `<>`, else what became of it. */
function lead(language: string, from: string, target: string): string {
  const found = resolverOf(language)?.(context, from, target);
  if (found === undefined) return 'unsupported';
  if (found.kind === 'file') return PATHS[found.file] ?? '';
  return found.kind === 'package' ? `${found.folder}/` : found.kind === 'external' ? `<${found.name}>` : found.kind;
}

describe('imports lead', () => {
  test.each([
    ['python', 'app/views/home.py', '..models', 'app/models.py'],
    ['python', 'app/views/home.py', '.', 'app/views/__init__.py'],
    ['python', 'app/views/home.py', 'app.views', 'app/views/__init__.py'],
    ['python', 'app/views/home.py', 'tools.hammer', 'lib/tools/hammer.py'],
    ['python', 'app/views/home.py', 'app.gone', 'unresolved'],
    ['python', 'app/models.py', '....far', 'unresolved'],
    ['python', 'app/models.py', 'os.path', '<os>'],
    ['typescript', 'web/src/index.ts', './panel.js', 'web/src/panel.tsx'],
    ['tsx', 'web/src/panel.tsx', './data', 'web/src/data/index.js'],
    ['typescript', 'web/src/data/index.js', '..', 'web/src/index.ts'],
    ['typescript', 'web/src/panel.tsx', '@/data', 'web/src/data/index.js'],
    ['typescript', 'web/src/panel.tsx', '@shop/ui', 'ui/src/index.ts'],
    ['typescript', 'web/src/panel.tsx', '@shop/ui/button', 'ui/button.ts'],
    ['typescript', 'web/src/panel.tsx', '@else/where/deep', '<@else/where>'],
    ['javascript', 'web/src/panel.tsx', 'node:fs', '<node:fs>'],
    ['javascript', 'web/src/panel.tsx', './gone', 'unresolved'],
    ['javascript', 'web/src/panel.tsx', '../../../out', 'unresolved'],
    ['c', 'drivers/net/card.c', 'own.h', 'drivers/net/own.h'],
    ['c', 'drivers/net/card.c', '<linux/list.h>', 'include/linux/list.h'],
    ['c', 'tools/perf/x.c', '<linux/list.h>', 'tools/include/linux/list.h'],
    ['c', 'drivers/net/card.c', '<asm/io.h>', 'unresolved'],
    ['c', 'arch/b/kernel/x.c', '<asm/io.h>', 'arch/b/include/asm/io.h'],
    ['c', 'arch/a/kernel/x.c', '<asm/io.h>', 'arch/a/include/asm/io.h'],
    ['c', 'drivers/net/card.c', '<stdio.h>', '<stdio.h>'],
    ['go', 'cmd/main.go', 'example.com/shop/v2/store', 'store/'],
    ['go', 'cmd/main.go', 'github.com/a/b/c/d', '<github.com/a/b>'],
    ['go', 'cmd/main.go', 'net/http', '<net/http>'],
    ['java', 'test/java/org/shop/ItemTest.java', 'org.shop.Item', 'core/src/main/java/org/shop/Item.java'],
    ['java', 'test/java/org/shop/ItemTest.java', 'org.shop.Item.Kind', 'core/src/main/java/org/shop/Item.java'],
    ['java', 'test/java/org/shop/ItemTest.java', 'org.shop.Price', 'core/src/main/kotlin/org/shop/Price.kt'],
    ['java', 'test/java/org/shop/ItemTest.java', 'java.util.List', '<java.util>'],
    ['rust', 'crates/base/src/util.rs', 'crate::net::tcp::Listener', 'crates/base/src/net/tcp.rs'],
    ['rust', 'crates/base/src/net/tcp.rs', 'super::Frame', 'crates/base/src/net/mod.rs'],
    ['rust', 'crates/base/src/net/mod.rs', 'self::tcp::{A, B}', 'crates/base/src/net/tcp.rs'],
    ['rust', 'crates/base/src/util.rs', 'base_kit::net', 'crates/base/src/net/mod.rs'],
    ['rust', 'crates/base/src/util.rs', 'std::collections::{HashMap, HashSet}', '<std>'],
    ['rust', 'crates/base/src/util.rs', 'serde', '<serde>'],
    ['php', 'helpers.php', 'App\\Model\\User', 'src/Model/User.php'],
    ['php', 'src/Model/User.php', 'helpers.php', 'helpers.php'],
    ['php', 'helpers.php', 'Psr\\Log\\LoggerInterface', '<Psr\\Log>'],
    ['ruby', 'gem/lib/stock.rb', 'stock/shelf', 'gem/lib/stock/shelf.rb'],
    ['ruby', 'gem/lib/stock.rb', 'set', '<set>'],
    ['bash', 'bin/run.sh', './lib.sh', 'bin/lib.sh'],
    ['bash', 'bin/run.sh', '$HOME/.env', 'unresolved'],
    ['html', 'site/page.html', 'main.js?v=1', 'site/main.js'],
    ['html', 'site/page.html', '//cdn.example/x.js', '<https://cdn.example>'],
    ['css', 'web/src/style.css', 'gone.css', 'unresolved'],
    ['csharp', 'a.cs', 'System', 'unsupported'],
  ])('in %s from %s: %s to %s', (language, from, target, expected) => {
    expect(lead(language, from, target)).toBe(expected);
  });

  test('nowhere outside the list, whatever is written', () => {
    const strange = fc.oneof(
      fc.string(),
      fc.string({ unit: 'binary' }),
      fc
        .array(fc.constantFrom('.', '..', '/', '\\', '::', 'a', 'app', '<', '>', '{', '*', '@', 'crate', 'super'), { maxLength: 12 })
        .map((parts) => parts.join('')),
    );
    const languages = ['python', 'typescript', 'c', 'go', 'java', 'rust', 'php', 'ruby', 'bash', 'css'];
    fc.assert(
      fc.property(fc.constantFrom(...languages), fc.constantFrom(...PATHS), strange, (language, from, target) => {
        const found = resolverOf(language)?.(context, from, target);
        if (found?.kind === 'file') expect(PATHS[found.file]).toBeDefined();
        if (found?.kind === 'external') expect(found.name.length).toBeLessThanOrEqual(200);
        const path = joined('a/b', target);
        expect(path?.split('/') ?? []).not.toContain('..');
      }),
      { numRuns: 1000 },
    );
  });
});

describe('the graph', () => {
  const find = async (files: readonly KitFile[]): Promise<DependenciesFound['findings']> =>
    (await findDependencies(generationOf(files), paceOf())).findings;

  test('has cycles, who is imported, who stands alone, and what is external', async () => {
    const found = await find([
      { path: 'a.py', imports: ['b', 'os', 'os'] },
      { path: 'b.py', imports: ['c', 'os'] },
      { path: 'c.py', imports: ['a', '.gone'] },
      { path: 'd.py', imports: ['a'] },
      { path: 'alone.py' },
      { path: 'tests/alone.py', traits: { test: true } },
    ]);
    expect(found).toMatchObject({
      nodes: 6,
      edges: 4,
      imports: { resolved: 4, external: 3, unresolved: 1, unsupported: 0 },
      unresolvedExamples: [{ path: 'c.py', target: '.gone' }],
      cycles: { count: 1, nodes: 3, largest: [{ size: 3, members: ['a.py', 'b.py', 'c.py'] }] },
      orphans: { count: 1, examples: ['alone.py'] },
      externals: [{ name: 'os', files: 2 }],
      externalCount: 1,
    });
    expect(found.mostImported[0]).toEqual({ path: 'a.py', count: 2 });
  });

  test('takes packages of Go as one, by what its manifest says', async () => {
    const found = await find([
      { path: 'go.mod', text: 'module example.com/m\n', language: 'text' },
      { path: 'a/one.go', language: 'go', imports: ['example.com/m/b', 'fmt'] },
      { path: 'a/two.go', language: 'go', imports: ['example.com/m/b', 'example.com/m/gone'] },
      { path: 'b/b.go', language: 'go', imports: ['example.com/m/a'] },
    ]);
    expect(found).toMatchObject({
      nodes: 3,
      edges: 2,
      imports: { resolved: 3, external: 1, unresolved: 1 },
      cycles: { largest: [{ members: ['a/', 'b/'] }] },
    });
  });
});
