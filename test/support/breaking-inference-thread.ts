import '../../serve/inference/inference-thread.ts';
import { listenForBreaks } from './breaking-threads.ts';

listenForBreaks();
