/** Tells a screen reader what the picture shows, once it has shown it for a while: not every frame. */
import { element } from '../dom/element.ts';

/** How long a class must have stood. */
const standsMs = 1200;

export function announcer() {
  const root = element('p', { class: 'unseen', role: 'status' });
  let heard: string | undefined;
  let waiting: { readonly subject: string; readonly timer: number } | undefined;
  let latest = '';
  return {
    root,
    /** `subject` is what must stand; `text` says it with today's numbers. */
    tell(subject: string, text: string): void {
      latest = text;
      if (subject === heard || subject === waiting?.subject) return;
      clearTimeout(waiting?.timer);
      const timer = window.setTimeout(() => {
        heard = subject;
        waiting = undefined;
        root.textContent = latest;
      }, standsMs);
      waiting = { subject, timer };
    },
    /** What was to be said is not so any more. */
    forget(): void {
      clearTimeout(waiting?.timer);
      waiting = undefined;
      heard = undefined;
      root.textContent = '';
    },
  };
}
