import { clip, displayWidth, padEnd, type Palette, safeLine } from './terminal-text.ts';

const GAP = '  ';
/** No column shrinks below this. */
const MIN_COLUMN = 8;

/**
 * An aligned table. Cells come from outside: they are made safe here, and the widest columns shrink until a row fits
 * `columns`, all but those of ids. Columns in which every cell is a number are aligned to the right.
 */
export function formatTable(header: readonly string[], rows: readonly (readonly string[])[], palette: Palette, columns: number): string {
  const cells = rows.map((row) => header.map((_, at) => safeLine(row[at] ?? '')));
  const widths = fit(
    header.map((name, at) => ({
      width: cells.reduce((widest, row) => Math.max(widest, displayWidth(row[at] ?? '')), displayWidth(name)),
      isRigid: cells.some((row) => ID.test(row[at] ?? '')),
    })),
    columns,
  );
  const isNumeric = header.map((_, at) => cells.length > 0 && cells.every((row) => /^-?[\d.,]*$/.test(row[at] ?? '')));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, at) => align(clip(cell, widths[at] ?? MIN_COLUMN), widths[at] ?? MIN_COLUMN, isNumeric[at] ?? false))
      .join(GAP)
      .trimEnd();
  return [palette.dim(line(header)), ...cells.map(line)].join('\n');
}

function align(cell: string, width: number, isNumeric: boolean): string {
  return isNumeric ? ' '.repeat(Math.max(0, width - displayWidth(cell))) + cell : padEnd(cell, width);
}

/** Ids are there to be copied, so they are never cut. */
const ID = /^[a-z]+_[0-9a-z]{16,}$/;

interface Column {
  readonly width: number;
  readonly isRigid: boolean;
}

/** Takes what is too much from the widest of the columns that may shrink, one step down at a time. */
function fit(wanted: readonly Column[], columns: number): readonly number[] {
  const widths = wanted.map(({ width }) => width);
  let excess = widths.reduce((sum, width) => sum + width + GAP.length, -GAP.length) - columns;
  while (excess > 0) {
    const soft = widths.map((width, at) => (wanted[at]?.isRigid === true ? 0 : width));
    const widest = Math.max(...soft);
    if (widest <= MIN_COLUMN) break;
    const next = Math.max(MIN_COLUMN, ...soft.filter((width) => width < widest));
    const taken = Math.min(excess, widest - next);
    widths[soft.indexOf(widest)] = widest - taken;
    excess -= taken;
  }
  return widths;
}
