import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { isPublicAddress } from './address-rules.ts';
import { checkRepositoryUrl, readRepositoryUrl } from './source-rules.ts';

const STRICT = { allowSsh: false, allowedPrivateHosts: [] };
const SSH = { allowSsh: true, allowedPrivateHosts: [] };
const LISTS = new URL('../../../../shared/data/hostile-inputs.json', import.meta.url);

test('a plain URL comes back in one spelling', () => {
  const spellings = [
    ['https://Example.org/a/b.git', 'https://example.org/a/b.git'],
    ['HTTPS://example.org:443/a/../b', 'https://example.org/b'],
    ['https://example.org:8443/b', 'https://example.org:8443/b'],
    ['https://bücher.example/ü', 'https://xn--bcher-kva.example/%C3%BC'],
    ['https://[2606:4700:0::1111]/x', 'https://[2606:4700::1111]/x'],
    ['https://example.org/~sub/x', undefined],
  ] as const;
  for (const [text, href] of spellings) {
    if (href === undefined) expect(() => checkRepositoryUrl(text, STRICT), text).toThrow(expect.objectContaining({ code: 'invalid_input' }));
    else expect(checkRepositoryUrl(text, STRICT)).toBe(href);
  }
  expect(readRepositoryUrl('ssh://git@example.org/a', SSH)).toEqual({
    href: 'ssh://git@example.org/a',
    protocol: 'ssh',
    host: 'example.org',
    port: 22,
    mayBePrivate: false,
  });
});

const REFUSED = [
  'file:///etc',
  '/etc',
  'ext::sh -c true',
  'https::x//example.org/x',
  '-u./x',
  'ssh://-oProxyCommand=x/x',
  'ssh://git@-oProxyCommand=x/x',
  'ssh://git@example.org/-x',
  'ssh://git:secret@example.org/x',
  'ssh://-x@example.org/x',
  'ssh://git@0x7f.1/x',
  'ssh://git@127.1/x',
  'ssh://git@exa%6dple.org$(id)/x',
  'git@example.org:x.git',
  'http://example.org/x.git',
  'git://example.org/x',
  'https://user@example.org/x',
  'https://user:token@example.org/x.git',
  'https://@example.org/x.git',
  'https:///example.org/x.git',
  'https://example.org',
  'https://example.org/',
  'https://example.org//',
  'https://example.org/x?y=1',
  'https://example.org/x?',
  'https://example.org/x#y',
  'https://example.org/x%0aHost:y',
  'https://example.org/x y',
  'https://example.org\\@127.0.0.1/x',
  'https://exam\tple.org/x',
  'https://example.org/\u202Ex',
  'https://example.org./x',
  'https://example.org:22/x',
  'https://example.org:6379/x',
  'https://localhost/x',
  'https://x.localhost/x',
  'https://intranet/x',
  'https://metadata.google.internal/x',
  'https://127.0.0.1/x',
  'https://0x7f.1/x',
  'https://2130706433/x',
  'https://①②⑦.⓪.⓪.①/x',
  'https://[::ffff:10.0.0.1]/x',
  `https://example.org/${'x'.repeat(2048)}`,
];

test.each(REFUSED)('refused with a sentence: %s', (text) => {
  for (const rules of [STRICT, SSH]) {
    expect(() => checkRepositoryUrl(text, rules)).toThrow(
      expect.objectContaining({ code: 'invalid_input', message: expect.stringMatching(/^[A-Z].*\.$/) }),
    );
  }
});

test.skipIf(!existsSync(LISTS))('the public lists of hostile URLs are refused, also as https', () => {
  const lists = JSON.parse(readFileSync(LISTS, 'utf8')) as Record<string, readonly string[]>;
  const urls = [...(lists['git_urls_must_be_refused'] ?? []), ...(lists['ssrf_urls_must_be_refused_before_any_connect'] ?? [])];
  expect(urls.length).toBeGreaterThan(40);
  const accepted = urls
    .flatMap((url) => [url, url.replace(/^http:/, 'https:')])
    .filter((url) => {
      try {
        checkRepositoryUrl(url, SSH);
        return !url.includes('example.invalid');
      } catch {
        return false;
      }
    });
  expect(accepted).toEqual([]);
});

test('a private host may be named by the operator, with its port or without', () => {
  const allowed = { allowSsh: false, allowedPrivateHosts: ['Git.Intranet', '10.0.0.5', '[fd00::1]:3000'] };
  expect(readRepositoryUrl('https://git.intranet:3000/x', allowed)).toMatchObject({ mayBePrivate: true, port: 3000 });
  expect(readRepositoryUrl('https://10.0.0.5/x', allowed).mayBePrivate).toBe(true);
  expect(readRepositoryUrl('https://[fd00::1]:3000/x', allowed)).toMatchObject({ mayBePrivate: true, host: 'fd00::1' });
  expect(() => readRepositoryUrl('https://[fd00::1]/x', allowed)).toThrow('private network');
  expect(() => readRepositoryUrl('https://10.0.0.6/x', allowed)).toThrow('private network');
  expect(readRepositoryUrl('https://example.org/x', allowed).mayBePrivate).toBe(false);
});

test('without settings only what none would allow is refused', () => {
  expect(checkRepositoryUrl('https://git.intranet:3000/x')).toBe('https://git.intranet:3000/x');
  expect(checkRepositoryUrl('ssh://git@example.org/x')).toBe('ssh://git@example.org/x');
  expect(() => checkRepositoryUrl('http://example.org/x')).toThrow('https://');
});

test('only public unicast addresses are public', () => {
  const yes = ['1.1.1.1', '172.15.0.1', '172.32.0.1', '100.63.0.1', '192.169.0.1', '223.255.255.255', '2606:4700::1', '2a00::1', '64:ff9b::101:101'];
  const v4 = `0.0.0.0 10.1.2.3 100.64.0.1 100.127.255.255 127.0.0.1 169.254.169.254 172.16.0.1 172.31.255.255 192.168.1.1 168.63.129.16
    192.0.0.192 192.0.2.1 198.19.0.1 203.0.113.5 224.0.0.1 240.0.0.1 255.255.255.255 1.2.3 01.2.3.4 256.1.1.1 1.1.1.1.`;
  const v6 = `:: ::1 ::ffff:1.1.1.1 ::1.1.1.1 fe80::1 fe80::1%eth0 fec0::1 fc00::1 fd00:ec2::254 ff02::1 2001::1 2001:db8::1 2002:7f00:1::
    3fff::1 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 4000::1 x`;
  const no = ['', ...v4.split(/\s+/), ...v6.split(/\s+/)];
  expect(yes.filter((address) => !isPublicAddress(address))).toEqual([]);
  expect(no.filter((address) => isPublicAddress(address))).toEqual([]);
});

test('where hosts are listed, no other is asked', () => {
  const listed = { ...STRICT, allowedPrivateHosts: ['10.0.0.5'], onlyHosts: ['Git.Example.org', 'example.net:8443'] };
  for (const url of ['https://git.example.org/a', 'https://git.example.org:8443/a', 'https://example.net:8443/a', 'https://10.0.0.5:3000/a']) {
    expect(readRepositoryUrl(url, listed).href).toBe(url);
  }
  for (const url of ['https://example.org/a', 'https://evil.git.example.org/a', 'https://example.net/a', 'https://git.example.org.evil.com/a']) {
    expect(() => checkRepositoryUrl(url, listed), url).toThrow('GIT_ONLY_HOSTS');
  }
});
