/** Light, dark, or as the system: a choice that the browser stores. */
import { choice } from './dom/choice.ts';
import { storedText, storeText } from './storage.ts';

const themes = { system: 'theme.system', light: 'theme.light', dark: 'theme.dark' } as const;
type Theme = keyof typeof themes;

const storageKey = 'textura.theme';

/** Radio buttons for the theme. The stored one applies at once. */
export function themeSwitch(): HTMLElement {
  const stored = storedText(storageKey);
  const first = stored !== undefined && stored in themes ? (stored as Theme) : 'system';
  apply(first);
  return choice<Theme>('theme', 'theme.choose', themes, first, (theme) => {
    apply(theme);
    storeText(storageKey, theme, 'theme');
  }).root;
}

/** The style sheet has the colours of `data-theme`, the browser those of its own controls and its frame. */
function apply(theme: Theme): void {
  const { documentElement: root, head } = document;
  if (theme === 'system') delete root.dataset.theme;
  else root.dataset.theme = theme;
  const frames = head.querySelectorAll<HTMLMetaElement>('meta[name="theme-color"]');
  for (const frame of frames) {
    const of = frame.content === lightFrame ? 'light' : 'dark';
    frame.media = theme === 'system' ? `(prefers-color-scheme: ${of})` : theme === of ? '' : 'not all';
  }
}

/** As in index.html. */
const lightFrame = '#f3eee2';
