import { hostTasks } from './child-host.ts';

/** Entry of every child process. One line a kind of task; its module is loaded when it is asked for. */
hostTasks({
  analyse: async () => (await import('./run-analysis.ts')).runAnalysis,
  history: async () => (await import('./run-history.ts')).runHistory,
  sync: async () => (await import('./run-sync.ts')).runSync,
});
