import type { OperationDeclaration } from '../../kernel/operation.ts';
import { type Command, type Flag, GLOBAL_FLAGS } from './command.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** One command as completion sees it. */
interface Entry {
  readonly words: readonly string[];
  readonly summary: string;
  readonly flags: readonly Flag[];
  /** Fixed words of its first argument. */
  readonly choices: readonly string[];
}

/** A first word, with what may follow it. */
interface Head {
  readonly word: string;
  readonly summary: string;
  /** The command of this one word. */
  readonly own: Entry | undefined;
  /** Commands of two words that begin so. */
  readonly subs: readonly Entry[];
}

/** A script that completes commands, fixed arguments and options; made from the command table, so it knows all of them. */
export function completionScript(shell: Shell, commands: readonly Command[], operations: readonly OperationDeclaration[]): string {
  const entries = commands.map((command): Entry => ({
    words: command.words,
    summary: command.summary,
    flags: [...command.flags(operations), ...GLOBAL_FLAGS],
    choices: command.choices?.(operations, commands) ?? [],
  }));
  const heads = [...new Set(entries.map(({ words }) => words[0] ?? ''))].map((word) =>
    toHead(
      word,
      entries.filter(({ words }) => words[0] === word),
    ),
  );
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](heads);
}

function toHead(word: string, entries: readonly Entry[]): Head {
  const own = entries.find(({ words }) => words.length === 1);
  const subs = entries.filter(({ words }) => words.length > 1);
  return { word, summary: own?.summary ?? subs.map(({ words }) => words[1]).join(', '), own, subs };
}

const second = ({ words }: Entry): string => words[1] ?? '';
const longFlags = ({ flags }: Entry): string => flags.map(({ name }) => `--${name}`).join(' ');

function bashScript(heads: readonly Head[]): string {
  const set = (entry: Entry): string => `flags="${longFlags(entry)}"`;
  const cases = heads.map(({ word, own, subs }) => {
    if (subs.length === 0)
      return `    ${word}) ${own === undefined ? ':' : set(own)}${own === undefined || own.choices.length === 0 ? '' : `; [ "$at" -eq 2 ] && words="${own.choices.join(' ')}"`} ;;`;
    const inner = subs.map((sub) => `        ${second(sub)}) ${set(sub)} ;;`);
    return [
      `    ${word})`,
      `      [ "$at" -eq 2 ] && words="${subs.map(second).join(' ')}"`,
      '      case "${COMP_WORDS[2]:-}" in',
      ...inner,
      '      esac ;;',
    ].join('\n');
  });
  return [
    '# polymnia completion for bash',
    '_polymnia() {',
    '  local cur="${COMP_WORDS[COMP_CWORD]}" at="$COMP_CWORD" words="" flags=""',
    `  [ "$at" -eq 1 ] && words="${heads.map(({ word }) => word).join(' ')}"`,
    '  case "${COMP_WORDS[1]:-}" in',
    ...cases,
    '  esac',
    '  case "$cur" in -*) words="$flags" ;; esac',
    '  COMPREPLY=($(compgen -W "$words" -- "$cur"))',
    '}',
    'complete -o bashdefault -o default -F _polymnia polymnia',
  ].join('\n');
}

/** The first sentence, short, fit for single quotes in any of the shells. */
function brief(text: string): string {
  return (text.split(/(?<=[.;])\s(?=[A-Z])/)[0] ?? '')
    .replace(/[.;]$/, '')
    .replaceAll(/['"`$\\]/g, '')
    .slice(0, MAX_DESCRIPTION);
}

const MAX_DESCRIPTION = 72;

function zshScript(heads: readonly Head[]): string {
  const item = (name: string, text: string): string => `'${name.replaceAll(':', '\\:')}:${brief(text)}'`;
  const list = (items: readonly string[]): string => `choices=(${items.join(' ')})`;
  const flags = (entry: Entry): string => list(entry.flags.map(({ name, description }) => item(`--${name}`, description)));
  const cases = heads.map(({ word, own, subs }) => {
    if (subs.length > 0) {
      const inner = subs.map((sub) => `        ${second(sub)}) ${flags(sub)} ;;`);
      const names = list(subs.map((sub) => item(second(sub), sub.summary)));
      return [
        `    ${word})`,
        `      if (( CURRENT == 3 )); then ${names}; _describe command choices; return; fi`,
        '      case "${words[3]}" in',
        ...inner,
        '      esac ;;',
      ].join('\n');
    }
    const choices =
      own === undefined || own.choices.length === 0 ? '' : `if (( CURRENT == 3 )); then compadd -- ${own.choices.join(' ')}; return; fi; `;
    return `    ${word}) ${choices}${own === undefined ? ':' : flags(own)} ;;`;
  });
  return [
    '#compdef polymnia',
    '_polymnia() {',
    '  local -a choices',
    `  if (( CURRENT == 2 )); then ${list(heads.map(({ word, summary }) => item(word, summary)))}; _describe command choices; return; fi`,
    '  case "${words[2]}" in',
    ...cases,
    '  esac',
    '  if [[ "${words[CURRENT]}" == -* ]]; then _describe -o option choices; else _files; fi',
    '}',
    'compdef _polymnia polymnia',
  ].join('\n');
}

function fishScript(heads: readonly Head[]): string {
  const flag = (condition: string, { name, short, type, description, choices }: Flag): string =>
    [
      `complete -c polymnia -n '${condition}' -l ${name}`,
      short === undefined ? '' : `-s ${short}`,
      type === 'boolean' ? '' : choices === undefined ? '-r' : `-x -a '${choices.join(' ')}'`,
      `-d '${brief(description)}'`,
    ]
      .filter((part) => part !== '')
      .join(' ');
  const lines = heads.flatMap(({ word, summary, own, subs }) => {
    const seen = `__fish_seen_subcommand_from ${word}`;
    const names = subs.map(second).join(' ');
    return [
      `complete -c polymnia -n __fish_use_subcommand -f -a ${word} -d '${brief(summary)}'`,
      ...(own === undefined ? [] : own.flags.map((each) => flag(seen, each))),
      ...(own === undefined || own.choices.length === 0 ? [] : [`complete -c polymnia -n '${seen}' -f -a '${own.choices.join(' ')}'`]),
      ...subs.map(
        (sub) => `complete -c polymnia -n '${seen}; and not __fish_seen_subcommand_from ${names}' -f -a ${second(sub)} -d '${brief(sub.summary)}'`,
      ),
      ...subs.flatMap((sub) => sub.flags.map((each) => flag(`${seen}; and __fish_seen_subcommand_from ${second(sub)}`, each))),
    ];
  });
  return ['# polymnia completion for fish', ...lines].join('\n');
}
