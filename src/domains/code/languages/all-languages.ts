import { bash } from './bash/language.ts';
import { c } from './c/language.ts';
import { cpp } from './cpp/language.ts';
import { csharp } from './csharp/language.ts';
import { css } from './css/language.ts';
import { go } from './go/language.ts';
import { html } from './html/language.ts';
import { java } from './java/language.ts';
import { javascript } from './javascript/language.ts';
import { json } from './json/language.ts';
import type { Language } from './language.ts';
import { markdown } from './markdown/language.ts';
import { OTHER_LANGUAGES } from './other-languages.ts';
import { php } from './php/language.ts';
import { python } from './python/language.ts';
import { ruby } from './ruby/language.ts';
import { rust } from './rust/language.ts';
import { tsx } from './tsx/language.ts';
import { typescript } from './typescript/language.ts';

/** Those with a folder, in order of their ids. */
export const FOLDER_LANGUAGES: readonly Language[] = [
  bash,
  c,
  cpp,
  csharp,
  css,
  go,
  html,
  java,
  javascript,
  json,
  markdown,
  php,
  python,
  ruby,
  rust,
  tsx,
  typescript,
];

/** Every language that is told apart. An extension belongs to the first that names it. */
export const LANGUAGES: readonly Language[] = [...FOLDER_LANGUAGES, ...OTHER_LANGUAGES];

const byId = new Map(LANGUAGES.map((language) => [language.id, language]));

/** Undefined for `text` and for what is not known. */
export function languageById(id: string): Language | undefined {
  return byId.get(id);
}
