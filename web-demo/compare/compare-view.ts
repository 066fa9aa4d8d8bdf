import { element } from '../dom/element.ts';
import type { View, ViewSetting } from '../view.ts';
export function compareView(_: ViewSetting): View {
  return { root: element('section', { class: 'view' }), async read() {}, reset() {} };
}
