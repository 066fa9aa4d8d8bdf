/**
 * Turns off zod's code generation, which a content security policy forbids: every attempt would log an error.
 * Page and workers import this first.
 */
import { z } from 'zod';

z.config({ jitless: true });
