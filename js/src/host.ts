/** What the page around a figure says about light and dark, and about movement. */

import type { Scheme } from './safe';

/** JupyterLab and VS Code mark their body; elsewhere the reader's system decides. */
export function scheme(): Scheme {
  const { body } = document;
  const lab = body.dataset.jpThemeLight;
  if (lab) return lab === 'true' ? 'light' : 'dark';
  const code = body.dataset.vscodeThemeKind;
  return code ? (code.includes('light') ? 'light' : 'dark') : null;
}

const asked = (query: string) => (typeof matchMedia === 'function' ? matchMedia(query) : null);

export function systemDark(): boolean {
  return !!asked('(prefers-color-scheme: dark)')?.matches;
}

export function still(): boolean {
  return !!asked('(prefers-reduced-motion: reduce)')?.matches;
}

/** Calls back whenever light or dark changes; returns what ends that. */
export function onScheme(act: () => void): () => void {
  let last = scheme();
  const watch = new MutationObserver(() => {
    if (scheme() === last) return;
    last = scheme();
    act();
  });
  watch.observe(document.body, { attributes: true, attributeFilter: ['data-jp-theme-light', 'data-vscode-theme-kind'] });
  const system = asked('(prefers-color-scheme: dark)');
  const heard = () => last ?? act();
  system?.addEventListener('change', heard);
  return () => {
    watch.disconnect();
    system?.removeEventListener('change', heard);
  };
}
