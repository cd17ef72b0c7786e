import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';

const plugin: JupyterFrontEndPlugin<void> = {
  id: 'ncd:plugin',
  autoStart: true,
  activate: (app: JupyterFrontEnd) => {
    console.log(app.name);
  },
};

export default plugin;
