// The live picture: fragments from the house into the browser's own player. Without it the page shows a still.
// A phone without MediaSource (old iPhones) gets a fresh still every few seconds instead.
(function () {
  var v = document.getElementById("watch"), tag = document.getElementById("watch-tag");
  if (!v) return;
  var MS = window.ManagedMediaSource || window.MediaSource, id = v.dataset.camera, still = "/cameras/" + id + "/still";
  var ws, ms, sb, queue = [], wait = 1000, seen = 0, timer, url;
  function tell(what, kind) { tag.textContent = tag.dataset[what]; tag.className = "tag " + kind; }
  function stills() {
    tell("slow", "warn");
    v.removeAttribute("src");
    (function again() {
      var i = new Image();
      i.onload = function () { v.poster = i.src; };
      i.src = still + "?n=" + Date.now();
      timer = setTimeout(again, 5000);
    })();
  }
  function feed() {
    if (!sb || sb.updating || !queue.length || ms.readyState !== "open") return;
    try { sb.appendBuffer(queue.shift()); } catch (e) { restart(); }
  }
  function begin(about) {
    var type = 'video/mp4; codecs="' + about.codec + '"';
    queue = []; sb = null;
    if (!MS.isTypeSupported(type)) { tell("none", "warn"); stop(); stills(); return; }
    if (url) URL.revokeObjectURL(url);
    ms = new MS(); v.disableRemotePlayback = true;
    v.src = url = URL.createObjectURL(ms);
    ms.addEventListener("sourceopen", function () {
      sb = this.addSourceBuffer(type);
      sb.addEventListener("updateend", function () {
        var b = v.buffered, end = b.length && b.end(b.length - 1);
        // Near the newest picture, and no more memory than a phone has.
        if (end && (end - v.currentTime > 3 || v.currentTime < b.start(b.length - 1))) v.currentTime = Math.max(b.start(b.length - 1), end - 0.4);
        v.playbackRate = end - v.currentTime > 1 ? 1.1 : 1;
        if (!sb.updating && b.length && v.currentTime - b.start(0) > 30) { try { sb.remove(0, v.currentTime - 10); } catch (e) {} }
        feed();
      });
      feed();
    }, { once: true });
    var p = v.play();
    if (p) p.catch(function () { tell("tap", "info"); });
  }
  function stop() { if (ws) { ws.onclose = null; ws.close(); ws = null; } }
  function restart() { stop(); tell("wait", ""); clearTimeout(timer); timer = setTimeout(start, wait); wait = Math.min(wait * 2, 15000); }
  function start() {
    if (document.hidden || ws) return;
    ws = new WebSocket((location.protocol === "https:" ? "wss://" : "ws://") + location.host + "/cameras/" + id + "/live");
    ws.binaryType = "arraybuffer";
    ws.onmessage = function (m) {
      if (typeof m.data === "string") begin(JSON.parse(m.data));
      else { queue.push(m.data); if (queue.length > 300) restart(); else feed(); }
    };
    ws.onclose = restart;
  }
  v.addEventListener("timeupdate", function () { if (Date.now() - seen > 900) { tell("live", "ok"); wait = 1000; } seen = Date.now(); });
  v.addEventListener("click", function () { v.play(); });
  setInterval(function () { if (seen && ws && Date.now() - seen > 4000) tell("wait", ""); }, 1000);
  // A page that nobody sees costs no data.
  document.addEventListener("visibilitychange", function () { if (document.hidden) stop(); else if (MS) { clearTimeout(timer); start(); } });
  if (MS) start(); else stills();
})();
