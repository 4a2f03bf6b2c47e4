import { CELL_APPLICATION_ID, CELL_MAJOR, CELL_MIGRATIONS } from '../cell/schema.ts';
import { keptAnswers } from '../cell/kept-answers.ts';
import { cellWrites } from '../cell/writes.ts';
import { serveThread } from './run-thread.ts';

/** Entry module of writer threads. */
serveThread({
  methods: cellWrites,
  answerForms: keptAnswers,
  schema: { applicationId: CELL_APPLICATION_ID, major: CELL_MAJOR, migrations: CELL_MIGRATIONS },
});
