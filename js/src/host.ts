/** What the page around a figure says about light and dark, and about movement. */

import { on } from './dom';

const asked = (what: string) => matchMedia(`(prefers-${what})`);
const night = asked('color-scheme: dark');

/** JupyterLab and VS Code mark their body; elsewhere the reader's system decides. */
export function dark(): boolean {
  const { jpThemeLight: lab, vscodeThemeKind: code } = document.body.dataset;
  return lab ? lab !== 'true' : code ? !code.includes('light') : night.matches;
}

export function still(): boolean {
  return asked('reduced-motion: reduce').matches;
}

/** Calls back whenever light or dark may have changed; returns what ends that. */
export function onScheme(act: () => void): () => void {
  const watch = new MutationObserver(act);
  watch.observe(document.body, { attributes: true });
  on(night, 'change', act);
  return () => {
    watch.disconnect();
    night.removeEventListener('change', act);
  };
}
