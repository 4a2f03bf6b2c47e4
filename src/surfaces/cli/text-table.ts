import { clip, displayWidth, padEnd, type Palette, safeLine } from './terminal-text.ts';

const GAP = '  ';
/** No column shrinks below this. */
const MIN_COLUMN = 8;

/**
 * An aligned table. Cells come from outside: they are made safe here, and the widest columns shrink until a row fits
 * `columns`. Columns in which every cell is a number are aligned to the right.
 */
export function formatTable(header: readonly string[], rows: readonly (readonly string[])[], palette: Palette, columns: number): string {
  const cells = rows.map((row) => header.map((_, at) => safeLine(row[at] ?? '')));
  const widths = fit(
    header.map((name, at) => Math.max(displayWidth(name), ...cells.map((row) => displayWidth(row[at] ?? '')))),
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

function fit(widths: readonly number[], columns: number): readonly number[] {
  const fitted = [...widths];
  let excess = fitted.reduce((sum, width) => sum + width + GAP.length, -GAP.length) - columns;
  while (excess > 0) {
    const widest = fitted.indexOf(Math.max(...fitted));
    const width = fitted[widest] ?? 0;
    if (width <= MIN_COLUMN) break;
    const next = Math.max(...fitted.filter((_, at) => at !== widest), MIN_COLUMN);
    const taken = Math.max(1, Math.min(excess, width - next));
    fitted[widest] = Math.max(MIN_COLUMN, width - taken);
    excess -= taken;
  }
  return fitted;
}
