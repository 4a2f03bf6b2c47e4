import type { LinePattern } from '../language.ts';

export const JAVASCRIPT_LINES: readonly LinePattern[] = [
  { kind: 'function', pattern: /^\s*(?:export\s+)?(?:default\s+)?(?:async\s+)?function\s*\*?\s*(?<name>[\p{L}_$][\p{L}\p{N}_$]*)\s*[(<]/u },
  {
    kind: 'function',
    pattern: /^\s*(?:export\s+)?(?:const|let|var)\s+(?<name>[\p{L}_$][\p{L}\p{N}_$]*)\s*=\s*(?:async\s+)?(?:function\b|\([^()]*\)\s*=>|[\w$]+\s*=>)/u,
  },
  { kind: 'class', pattern: /^\s*(?:export\s+)?(?:default\s+)?(?:abstract\s+)?class\s+(?<name>[\p{L}_$][\p{L}\p{N}_$]*)\b/u },
  {
    kind: 'method',
    pattern:
      /^\s+(?:(?:public|private|protected|static|async|get|set|override)\s+)*\*?(?<name>(?!(?:if|for|while|switch|catch|function|return|with|super|constructor\s*\(\)\s*;)\b)#?[\p{L}_$][\p{L}\p{N}_$]*)\s*\([^()]*\)\s*(?::[^{;=]+)?\{\s*$/u,
  },
];

export const SCRIPT_LEADING = /^\s*(?:\/\/|\/\*|\*|@[\p{L}_$])/u;
