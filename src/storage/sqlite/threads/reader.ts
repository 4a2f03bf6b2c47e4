import { cellReads } from '../cell/reads.ts';
import { CELL_APPLICATION_ID, CELL_MAJOR, CELL_MIGRATIONS } from '../cell/schema.ts';
import { serveThread } from './run-thread.ts';

/** Entry module of reader threads. */
serveThread({ methods: cellReads, schema: { applicationId: CELL_APPLICATION_ID, major: CELL_MAJOR, migrations: CELL_MIGRATIONS } });
