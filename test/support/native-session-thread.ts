/** Runs native-session.ts in a thread and prints its answer. */
import { once } from 'node:events';
import { startThread } from '../../node/thread.ts';

const thread = startThread(new URL('./native-session.ts', import.meta.url), undefined);
const [seen] = await once(thread, 'message');
process.stdout.write(JSON.stringify(seen));
