import type { LinePattern } from '../language.ts';

/** Words that can stand before a bracket and are no function. */
const NO_NAME = '(?!(?:if|for|while|switch|return|sizeof|else|do|case|defined|typedef|struct|union|enum|class|__attribute__|__declspec|alignas)\\b)';

export const C_LINES: readonly LinePattern[] = [
  /** `SYSCALL_DEFINE3(read, …)`, `TEST_F(Suite, name) {`: a macro that makes a function, known by its first argument. */
  {
    kind: 'function',
    pattern: /^(?:static\s+|asmlinkage\s+)?(?=[A-Z])[A-Z\d_]*(?:DEFINE|FUNCTION|METHOD|TEST)[A-Z\d_]*\(\s*(?<name>[A-Za-z_]\w*)\s*[,)][^;]*$/,
  },
  { kind: 'function', pattern: /^[A-Z][A-Z\d_]+\(\s*(?<name>[A-Za-z_]\w*)\s*[,)][^;{]*\{\s*$/ },
  /** `static int __init name(…` at the left edge, ending without a semicolon. */
  { kind: 'function', pattern: new RegExp(`^(?:[A-Za-z_][\\w:<>,]*[\\s*&]+)+[*&]*${NO_NAME}(?<name>[A-Za-z_]\\w*)\\s*\\([^;]*$`) },
  /** The type on the line before. */
  { kind: 'function', pattern: new RegExp(`^${NO_NAME}(?<name>[a-z_]\\w*)\\s*\\([^;"{}]*[,)]\\s*\\{?\\s*$`) },
  {
    kind: 'struct',
    pattern:
      /^(?:typedef\s+|static\s+|const\s+)*struct\s+(?:\w+\([^()]*\)\s+|__\w+\s+|[A-Z\d_]+\s+)?(?<name>[A-Za-z_]\w*)\s*(?::[^{;]*)?\{?\s*(?:\/[/*].*)?$/,
  },
  { kind: 'union', pattern: /^(?:typedef\s+)?union\s+(?<name>[A-Za-z_]\w*)\s*\{/ },
  { kind: 'enum', pattern: /^(?:typedef\s+)?enum\s+(?:class\s+|struct\s+)?(?<name>[A-Za-z_]\w*)\s*(?::[^{;]*)?\{/ },
  { kind: 'macro', pattern: /^\s*#\s*define\s+(?<name>[A-Za-z_]\w*)/ },
];

export const C_LEADING = /^\s*(?:\/\/|\/\*|\*|\[\[|__attribute__|template\s*<)/;
