import { expect, test } from 'vitest';
import { LANGUAGES } from './all-languages.ts';
import { languageOf } from './language-of.ts';

const NOTHING = new Uint8Array();
const of = (path: string, text = ''): string => languageOf(path, Buffer.from(text));

test.each([
  ['src/main.py', 'python'],
  ['a/b/App.TSX', 'tsx'],
  ['index.d.mts', 'typescript'],
  ['Makefile', 'makefile'],
  ['deploy/Dockerfile.dev', 'dockerfile'],
  ['CMakeLists.txt', 'cmake'],
  ['lib/Rakefile', 'ruby'],
  ['.bashrc', 'bash'],
  ['noted.txt', 'text'],
  ['LICENSE', 'text'],
  ['.gitignore', 'text'],
  ['strange.', 'text'],
  ['größe.kt', 'kotlin'],
  ['constructor', 'text'],
  ['a.constructor', 'text'],
  ['', 'text'],
])('%s is %s', (path, id) => {
  expect(languageOf(path, NOTHING)).toBe(id);
});

test.each([
  ['#!/usr/bin/env python3\n', 'python'],
  ['#!/usr/bin/python3.12 -u\n', 'python'],
  ['#! /bin/sh\n', 'bash'],
  ['#!/usr/bin/env -S node --test\n', 'javascript'],
  ['#!/usr/bin/env VAR=1 ruby2.7\n', 'ruby'],
  ['#!/opt/unheard-of\n', 'text'],
  ['#!', 'text'],
])('a file without extension that begins with %j is %s', (text, id) => {
  expect(of('bin/run', text)).toBe(id);
});

test.each([
  ['shop.h', 'int sell(int n);', 'c'],
  ['shop.h', 'namespace shop {\nclass Item;\n}', 'cpp'],
  ['shop.h', '#import <Foundation/Foundation.h>\n@interface Shop', 'objective-c'],
  ['fit.m', 'function y = fit(x)', 'matlab'],
  ['Shop.m', '#import "Shop.h"', 'objective-c'],
  ['de.ts', '<?xml version="1.0"?>', 'xml'],
  ['inc/defs.inc', '#define A 1', 'c'],
  ['inc/page.inc', '<?php', 'php'],
])('%s with %j is %s', (path, text, id) => {
  expect(of(path, text)).toBe(id);
});

test('ids are lower case and unlike each other; no extension or name belongs to two', () => {
  const ids = LANGUAGES.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.filter((id) => !/^[a-z][a-z\d-]*$/.test(id))).toEqual([]);
  for (const property of ['extensions', 'filenames', 'shebangs'] as const) {
    const all = LANGUAGES.flatMap((language) => language[property] ?? []);
    const doubles = all.filter((each, index) => all.indexOf(each) !== index || each !== each.toLowerCase());
    expect(doubles, property).toEqual([]);
  }
});
