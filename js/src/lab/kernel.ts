/** Questions to a kernel: a picture with other blocks open, and how one would draw what has a name. */

import type { Kernel } from '@jupyterlab/services';
import type { JSONObject } from '@lumino/coreutils';
import type { Answer, Request } from './ask';

const TARGET = 'ncd';
const PATIENCE_MS = 60_000;

/** The kernel's answer.  Rejects if it has none: no ncd is loaded, the diagram is gone, it is busy for too long. */
export function drawn(kernel: Kernel.IKernelConnection, request: Request): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const comm = kernel.createComm(TARGET);
    const late = setTimeout(() => comm.close(), PATIENCE_MS);
    comm.onMsg = ({ content }) => {
      const { error, ...answer } = content.data as Answer & { error?: string };
      if (error) reject(new Error(error));
      else resolve(answer);
    };
    comm.onClose = () => {
      clearTimeout(late);
      reject(new Error('The kernel has no answer.')); // unless it had one
    };
    comm.open(request as unknown as JSONObject);
  });
}

/** A line of code that draws what has a name; `sure`: nothing is left to be said in it. */
export interface Line {
  readonly code: string;
  readonly sure: boolean;
}

/** The line that draws what has this name in the kernel.  Rejects if nothing has, or it cannot be drawn. */
export async function line(kernel: Kernel.IKernelConnection, name: string): Promise<Line> {
  const question = `__import__('ncd.notebook.suggest', fromlist=['_']).suggest(${JSON.stringify(name)})`;
  const asked = { code: '', silent: true, store_history: false, user_expressions: { line: question } };
  const { content } = await kernel.requestExecute(asked).done;
  const said = (content as { user_expressions?: JSONObject }).user_expressions?.line as
    | { data?: Record<string, unknown>; evalue?: string }
    | undefined;
  const found = said?.data?.['application/json'];
  if (!found) throw new Error(said?.evalue ?? 'The kernel does not answer.');
  return found as Line;
}
