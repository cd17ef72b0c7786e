/** What the reader may choose; see schema/plugin.json. */

import type { ISettingRegistry } from '@jupyterlab/settingregistry';

export interface Settings {
  /** Light the code of what is pointed at in a figure. */
  lightCode: boolean;
  /** Light in the figures what stands at the cursor. */
  lightOps: boolean;
  /** Ask the kernel to draw a block open in place. */
  askKernel: boolean;
}

/** The settings as they are, and as they become. */
export async function load(registry: ISettingRegistry | null, plugin: string, into: Settings): Promise<void> {
  const settings = await registry?.load(plugin);
  const take = () => {
    for (const name of Object.keys(into) as (keyof Settings)[]) into[name] = settings?.get(name).composite !== false;
  };
  settings?.changed.connect(take);
  take();
}
