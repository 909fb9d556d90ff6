// Browsers refuse workers on pages opened from the file system. There, the search runs in a hidden
// frame. The name of this file tells mkdocs-material that it need not fetch its own script.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      frame.addEventListener("message", ({ data }) =>
        this.dispatchEvent(new MessageEvent("message", { data })),
      );
      this.started = new Promise((resolve) => frame.addEventListener("load", resolve));
      this.frame = frame;
      frame.srcdoc = `<script>
        window.postMessage = (data) =>
          frameElement.dispatchEvent(new MessageEvent("message", { data }));
        </script><script src="${new URL(url, location)}"></script>`;
      document.body.append(frame);
    }

    async postMessage(data) {
      await this.started;
      this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data }));
    }
  };
}
