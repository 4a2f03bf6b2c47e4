import { JAVASCRIPT_LINES } from '../javascript/lines.ts';
import type { LinePattern } from '../language.ts';

export const TYPESCRIPT_LINES: readonly LinePattern[] = [
  ...JAVASCRIPT_LINES,
  { kind: 'interface', pattern: /^\s*(?:export\s+)?(?:default\s+)?(?:declare\s+)?interface\s+(?<name>[\p{L}_$][\p{L}\p{N}_$]*)/u },
  { kind: 'type', pattern: /^\s*(?:export\s+)?(?:declare\s+)?type\s+(?<name>[\p{L}_$][\p{L}\p{N}_$]*)\s*(?:<[^=]*>)?\s*=/u },
  { kind: 'enum', pattern: /^\s*(?:export\s+)?(?:declare\s+)?(?:const\s+)?enum\s+(?<name>[\p{L}_$][\p{L}\p{N}_$]*)/u },
  { kind: 'namespace', pattern: /^\s*(?:export\s+)?(?:declare\s+)?namespace\s+(?<name>[\p{L}_$][\p{L}\p{N}_$.]*)/u },
];
