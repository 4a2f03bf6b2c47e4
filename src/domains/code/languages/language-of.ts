import { LANGUAGES } from './all-languages.ts';

const LOOKED_AT = 8_192;

const byFilename = new Map(LANGUAGES.flatMap(({ id, filenames = [] }) => filenames.map((name) => [name, id] as const)).toReversed());
const byExtension = new Map(LANGUAGES.flatMap(({ id, extensions }) => extensions.map((extension) => [extension, id] as const)).toReversed());
const byShebang = new Map(LANGUAGES.flatMap(({ id, shebangs = [] }) => shebangs.map((name) => [name, id] as const)).toReversed());

/** Extensions that two languages share, told apart by what is written at the top. */
const BY_CONTENT = new Map<string, readonly (readonly [RegExp, string])[]>(
  Object.entries({
    h: [
      [/^\s*(?:@interface|@protocol|@class|#import)\b/m, 'objective-c'],
      [
        /^\s*(?:template\s*<|class\s+\w+[^;]*$|namespace\s+\w|using\s+\w|(?:public|private|protected)\s*:)|\bstd::|^#\s*include\s*<(?:string|vector|memory|map|cstdint|utility|functional|iostream)>/m,
        'cpp',
      ],
    ],
    m: [[/^\s*(?:function\b|classdef\b|%|clear\b|close all)/m, 'matlab']],
    pl: [[/^\s*(?::-|[a-z]\w*\([^)]*\)\s*(?::-|\.))/m, 'prolog']],
    ts: [[/^\s*<(?:\?xml|!DOCTYPE TS)/, 'xml']],
    inc: [[/^\s*(?:#\s*(?:include|define|if)|static\s)/m, 'c']],
    cls: [[/^\s*(?:VERSION|Attribute VB_|Option )/m, 'vba']],
    v: [[/^\s*(?:Require|Theorem|Lemma|Proof|Definition)\b/m, 'coq']],
  }),
);

/**
 * The id of a file's language: by its name, its extension, its `#!` line; `text` where nothing tells. `path` with `/` between its
 * parts; of the bytes the first 8 KB are looked at.
 */
export function languageOf(path: string, firstBytes: Uint8Array): string {
  const name = path.slice(path.lastIndexOf('/') + 1).toLowerCase();
  return byFilename.get(name) ?? byExtensionOf(name, firstBytes) ?? byPattern(name) ?? byShebangOf(firstBytes) ?? 'text';
}

function byExtensionOf(name: string, firstBytes: Uint8Array): string | undefined {
  const extension = name.slice(name.lastIndexOf('.') + 1);
  if (extension === name) return undefined;
  const rule = BY_CONTENT.get(extension)?.find(([pattern]) => pattern.test(head(firstBytes)));
  return rule?.[1] ?? byExtension.get(extension);
}

/** `Dockerfile.dev`, `Makefile.am`: the name before the dot. */
function byPattern(name: string): string | undefined {
  const dot = name.indexOf('.');
  return dot > 0 ? byFilename.get(name.slice(0, dot)) : undefined;
}

function byShebangOf(firstBytes: Uint8Array): string | undefined {
  if (firstBytes[0] !== 0x23 || firstBytes[1] !== 0x21) return undefined;
  const [line = ''] = head(firstBytes.subarray(2, 300)).split('\n');
  const words = line.trim().split(/\s+/);
  const isEnv = words[0]?.endsWith('/env') === true;
  const word = isEnv ? words.slice(1).find((each) => !each.startsWith('-') && !each.includes('=')) : words[0];
  const interpreter = (word ?? '').slice((word ?? '').lastIndexOf('/') + 1).toLowerCase();
  return byShebang.get(interpreter) ?? byShebang.get(interpreter.replace(/[\d.]+$/, ''));
}

function head(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes.subarray(0, LOOKED_AT));
}
