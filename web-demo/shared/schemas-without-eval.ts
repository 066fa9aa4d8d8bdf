/**
 * Tells zod not to compile its checks from text, which a page with a content security policy forbids: it would try, and each try
 * would be a line in the console. Imported first by the page and by every worker.
 */
import { z } from 'zod';

z.config({ jitless: true });
