import type { OperationDeclaration } from '../../kernel/operation.ts';
import type { Command } from './command.ts';
import { completionCommand, helpCommand, versionCommand } from './commands/about.ts';
import { backupCommand, restoreCommand } from './commands/backup.ts';
import { callCommand } from './commands/call.ts';
import { chatCommands } from './commands/chat.ts';
import { cleanUpCommand } from './commands/clean-up.ts';
import { codeCommands } from './commands/code.ts';
import { doctorCommand } from './commands/doctor.ts';
import { exportCommand } from './commands/export.ts';
import { importCommand } from './commands/import.ts';
import { jobCommands } from './commands/jobs.ts';
import { mcpCommand } from './commands/mcp.ts';
import { memoryCommands } from './commands/memory.ts';
import { peopleCommands } from './commands/people.ts';
import { serveCommand } from './commands/serve.ts';
import { demoCommand } from './demo/demo-command.ts';
import { loadCommand } from './load/load-command.ts';

/** Every command there is, in the order help lists them. A new command is one more entry here. */
const COMMANDS: readonly Command[] = [
  serveCommand,
  mcpCommand,
  doctorCommand,
  ...memoryCommands,
  ...chatCommands,
  ...codeCommands,
  ...jobCommands,
  importCommand,
  exportCommand,
  backupCommand,
  restoreCommand,
  cleanUpCommand,
  ...peopleCommands,
  callCommand,
  loadCommand,
  demoCommand,
  completionCommand,
  helpCommand,
  versionCommand,
];

/** The commands this registry can serve: one that needs an operation it lacks is not offered. */
export function commandTable(operations: readonly OperationDeclaration[]): readonly Command[] {
  const names = new Set(operations.map(({ name }) => name));
  return COMMANDS.filter(({ needs = [] }) => needs.every((name) => names.has(name)));
}
