import type { OperationDeclaration } from '../../kernel/operation.ts';
import { type Command, COMMAND_GROUPS, type Flag, GLOBAL_FLAGS } from './command.ts';
import { displayWidth, padEnd, type Palette } from './terminal-text.ts';

/** Widest left column; longer entries get a line of their own. */
const MAX_LEFT = 30;

/** `polymnia help`: every command with one line, in groups. */
export function generalHelp(commands: readonly Command[], palette: Palette): string {
  const groups = COMMAND_GROUPS.map((group) => ({ group, rows: commands.filter((command) => command.group === group).map(commandRow) }));
  return [
    'Polymnia keeps memories for many users and their assistants.',
    '',
    `${palette.bold('Usage')}  polymnia COMMAND [arguments] [options]`,
    ...groups.filter(({ rows }) => rows.length > 0).flatMap(({ group, rows }) => ['', palette.bold(group), rowList(rows, palette)]),
    '',
    'Every command but serve, restore and doctor --offline is a client of the running server.',
    'polymnia COMMAND --help says more; polymnia call lists every operation.',
  ].join('\n');
}

/** The commands that share a first word. */
export function groupHelp(commands: readonly Command[], palette: Palette): string {
  return [`${palette.bold('Usage')}  polymnia ${commands[0]?.words[0] ?? ''} COMMAND`, '', rowList(commands.map(commandRow), palette)].join('\n');
}

/** One command with all its options. */
export function commandHelp(command: Command, operations: readonly OperationDeclaration[], palette: Palette): string {
  const own = command.flags(operations);
  const words = command.words.join(' ');
  return [
    `${command.summary}.`,
    '',
    `${palette.bold('Usage')}  polymnia ${words}${command.usage === undefined ? '' : ` ${command.usage}`}${own.length === 0 ? '' : ' [options]'}`,
    ...(command.notes === undefined ? [] : ['', ...command.notes]),
    ...(own.length === 0 ? [] : ['', palette.bold('Options'), flagList(own, palette)]),
    ...(command.parsesItself === true ? [] : ['', palette.bold('Always'), flagList(GLOBAL_FLAGS, palette)]),
  ].join('\n');
}

/** Flags with their descriptions, aligned. */
export function flagList(flags: readonly Flag[], palette: Palette): string {
  return rowList(flags.map(flagRow), palette);
}

function commandRow({ words, usage, summary }: Command): readonly [string, string] {
  return [`${words.join(' ')}${usage === undefined ? '' : ` ${usage}`}`, summary];
}

function flagRow(flag: Flag): readonly [string, string] {
  const value = flag.placeholder === undefined ? '' : ` ${flag.placeholder}`;
  return [`${flag.short === undefined ? '' : `-${flag.short}, `}--${flag.name}${value}${flag.multiple === true ? ' …' : ''}`, flag.description];
}

/** Names with what they mean, aligned. */
export function rowList(rows: readonly (readonly [string, string])[], palette: Palette): string {
  const width = Math.min(MAX_LEFT, Math.max(0, ...rows.map(([left]) => displayWidth(left))));
  return rows
    .map(([left, right]) => {
      if (displayWidth(left) <= width) return `  ${palette.accent(padEnd(left, width))}  ${right}`.trimEnd();
      return `  ${palette.accent(left)}${right === '' ? '' : `\n  ${' '.repeat(width)}  ${right}`}`;
    })
    .join('\n');
}
