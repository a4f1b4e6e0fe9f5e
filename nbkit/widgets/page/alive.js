/* Whether the kernel that made a widget is still there. Python's side is alive.py.

   No single sign is enough. After a restart by the user, JupyterLab marks each widget's comm as dead. A kernel that died
   and was started again only has another status. After a shutdown the connection is disposed, and a comm that nobody
   listens to throws when it sends. A widget drawn out of a saved notebook was never connected. */

const KERNEL_GONE = "Kernel restarted: run this cell again."; // a quiet line in the widget
const PRESS_REFUSED = "The kernel has restarted: run this cell again."; // the answer to a press that needs the kernel
const LOST = ["restarting", "autorestarting", "terminating", "dead"]; // statuses after which no comm of before works
const DISCONNECTED = "jupyter-widgets-disconnected"; // the class that ipywidgets gives to the element of such a widget

/* const kernel = watchKernel(model, () => { … once, when it is gone });
   kernel.gone      whether it is
   kernel.send(…)   what model.send does; false if it is gone
   kernel.drawn(el) in render: notices a widget that was never connected
   kernel.stop()    in the cleanup of initialize */
function watchKernel(model, onGone) {
  const connection = model.widget_manager?.kernel; // JupyterLab and Notebook 7 have it
  const lose = () => {
    if (watch.gone) return;
    watch.gone = true;
    onGone();
  };
  const follow = (_, status) => { if (LOST.includes(status)) lose(); };
  const watch = {
    gone: false,
    send(...message) {
      if (watch.gone) return false;
      try {
        model.send(...message);
      } catch {
        lose();
      }
      return !watch.gone;
    },
    drawn(el) { if (el.closest(`.${DISCONNECTED}`)) lose(); },
    stop() {
      model.off("comm_live_update", lose);
      connection?.statusChanged?.disconnect(follow);
      connection?.disposed?.disconnect(lose);
    },
  };
  model.on("comm_live_update", lose);
  connection?.statusChanged?.connect(follow);
  connection?.disposed?.connect(lose);
  return watch;
}
