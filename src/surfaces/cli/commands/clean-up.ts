import type { Progress } from '../../../kernel/operation.ts';
import { isSet, usageError } from '../arguments.ts';
import type { Command, Flag } from '../command.ts';
import { viewOf } from '../operation-command.ts';
import { ProgressBar } from '../progress-bar.ts';
import { renderValue } from '../render-value.ts';

const OPERATION = 'clean_up';
const YES: Flag = { name: 'yes', short: 'y', type: 'boolean', description: 'Really do it.' };

/** `polymnia clean-up`: what the server does once a day by itself, now; without `--yes` it only tells. */
export const cleanUpCommand: Command = {
  words: ['clean-up'],
  group: 'Moving data',
  summary: 'Archive the spaces of users who have been away for long (administrators)',
  needs: [OPERATION],
  notes: ['Without --yes it only tells what would be done. INACTIVE_AFTER and ARCHIVE_AFTER of the server say who is idle.'],
  flags: () => [YES],
  async run(invocation) {
    const { terminal, deps, values, positionals } = invocation;
    if (positionals.length > 0) throw usageError('"clean-up" takes no arguments.', cleanUpCommand);
    const dryRun = !isSet(values, 'yes');
    const client = await invocation.client();
    using bar = new ProgressBar(terminal, deps.clock);
    const answer = await client.callWithProgress(OPERATION, { dryRun }, (progress: Progress) => bar.show(progress));
    bar[Symbol.dispose]();
    if (invocation.isJson) return terminal.printJson(answer);
    await terminal.print(renderValue(answer, viewOf(invocation)));
    if (dryRun) terminal.note(terminal.errorPalette.warn('Nothing was done yet; give --yes to do it.'));
  },
};
