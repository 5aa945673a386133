// A search for --option finds it: the search engine takes words that begin with - for words that may not be there.
(() => {
  const QUERY = 2, post = Worker.prototype.postMessage;
  Worker.prototype.postMessage = function (message, ...rest) {
    if (message?.type === QUERY && typeof message.data === "string") {
      message = { ...message, data: message.data.replace(/(^|\s)-+(?=\S)/g, "$1") };
    }
    return post.call(this, message, ...rest);
  };
})();
