/** What the page around a figure says about light and dark. */

import type { Scheme } from './safe';

/** JupyterLab and VS Code mark their body; elsewhere the reader's system decides. */
export function scheme(): Scheme {
  const { body } = document;
  const lab = body.dataset.jpThemeLight;
  if (lab) return lab === 'true' ? 'light' : 'dark';
  const code = body.dataset.vscodeThemeKind;
  return code ? (code.includes('light') ? 'light' : 'dark') : null;
}

/** Calls back whenever the host changes its theme; returns what ends that. */
export function onScheme(act: () => void): () => void {
  let last = scheme();
  const watch = new MutationObserver(() => {
    if (scheme() !== last) {
      last = scheme();
      act();
    }
  });
  watch.observe(document.body, { attributes: true, attributeFilter: ['data-jp-theme-light', 'data-vscode-theme-kind'] });
  return () => watch.disconnect();
}
