import '../../serve/folder/picture-thread.ts';
import { listenForBreaks } from './breaking-threads.ts';

listenForBreaks();
