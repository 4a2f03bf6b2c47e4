interface OptionRow<Type extends string, Value> {
  readonly type: Type;
  readonly default: Value;
  /** Unit of a number, as the reference shows it. */
  readonly unit?: string;
  readonly group: string;
  readonly help: string;
  /** Never shown in logs or answers. */
  readonly secret?: boolean;
  readonly min?: number;
  readonly max?: number;
}

/** A row of any type. */
export type Option =
  | OptionRow<'integer', number>
  | OptionRow<'number', number>
  | OptionRow<'text', string>
  /** `true` or `false`. */
  | OptionRow<'boolean', boolean>
  /** Comma-separated. */
  | OptionRow<'list', readonly string[]>;
