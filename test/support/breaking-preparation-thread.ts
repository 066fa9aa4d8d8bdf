import '../../serve/inference/preparation-thread.ts';
import { listenForBreaks } from './breaking-threads.ts';

listenForBreaks();
