// Live video: fragments from the gateway go into the browser's own player. Without script the page shows a still.
// A phone without MediaSource (old iPhones), or without a working connection, gets a fresh still every few seconds.
(function () {
  var v = document.getElementById("watch"), tag = document.getElementById("watch-tag");
  if (!v) return;
  v.parentNode.hidden = false;
  var MS = window.ManagedMediaSource || window.MediaSource, still = "/cameras/" + v.dataset.camera + "/still";
  var ws, ms, sb, url, queue, bytes, timer, slow, wait = 1000, failed = 0, taken = 0, heard = 0, moved = 0, only = !MS;
  function tell(what, kind) { if (tag.textContent !== tag.dataset[what]) { tag.textContent = tag.dataset[what]; tag.className = "tag " + kind; } }
  function stills() {
    if (document.hidden || slow) return;
    slow = 1;
    var is = function () { return only || failed > 2; };
    var next = function () { slow = setTimeout(function () { slow = 0; if (is()) stills(); }, 5000); };
    // A frozen box closes nothing: without a bound the old picture would be called new for ever.
    var c = window.AbortController && new AbortController(), late = c && setTimeout(function () { c.abort(); }, 10000);
    fetch(still, { redirect: "manual", cache: "no-cache", signal: c ? c.signal : undefined }).then(function (r) {
      if (!r.ok) throw r.status;
      var at = +r.headers.get("still-at"), age = +r.headers.get("still-age");
      return r.blob().then(function (b) {
        clearTimeout(late);
        var f = new FileReader();
        f.onload = function () {
          // “New” is shown for a still that arrived and is new, not for one that was requested.
          if (is()) { if (age < 30) tell("slow", "warn"); else old(at); }
          if (only || v.readyState < 2) v.poster = f.result;
          next();
        };
        f.onerror = next;
        f.readAsDataURL(b);
      });
    }).catch(function () { tell("wait", ""); next(); });
  }
  // In the village's time zone, whatever the phone's is.
  function old(at) {
    var t = new Date(at + 252e5).toISOString(), day = t.slice(0, 10).split("-").map(Number).reverse().join("/");
    tag.textContent = tag.dataset.old + " " + t.slice(11, 16) + " " + day;
    tag.className = "tag bad";
  }
  function part() {
    if (!sb || sb.updating || !queue.length || ms.readyState !== "open") return;
    var all = new Uint8Array(bytes), at = 0;
    queue.forEach(function (q) { all.set(new Uint8Array(q), at); at += q.byteLength; });
    queue = []; bytes = 0;
    try { sb.appendBuffer(all); } catch (e) { again(); }
  }
  function play() {
    var p = v.play();
    if (p) p.catch(function (e) { if (e.name === "NotAllowedError") tell("tap", "info"); });
  }
  function begin(about) {
    var type = 'video/mp4; codecs="' + about.codec + '"';
    queue = []; bytes = 0; sb = null;
    if (!MS.isTypeSupported(type)) { only = 1; stop(); tell("none", "warn"); stills(); return; }
    if (url) URL.revokeObjectURL(url);
    var mine = ms = new MS();
    v.disableRemotePlayback = true;
    v.src = url = URL.createObjectURL(ms);
    mine.addEventListener("sourceopen", function () {
      if (mine !== ms) return;
      var b = sb = mine.addSourceBuffer(type);
      b.addEventListener("updateend", function () {
        if (b !== sb) return;
        var r = v.buffered, n = r.length, end = n && r.end(n - 1);
        // Stay near the newest access unit, and use no more memory than a phone has.
        if (n && !v.paused && (end - v.currentTime > 3 || v.currentTime < r.start(n - 1))) v.currentTime = Math.max(r.start(n - 1), end - 0.4);
        v.playbackRate = end - v.currentTime > 1 ? 1.1 : 1;
        if (n && v.currentTime - r.start(0) > 30) { try { b.remove(0, v.currentTime - 10); } catch (e) {} }
        part();
      });
      part();
    }, { once: true });
    play();
  }
  function stop() { if (ws) { ws.onclose = ws.onmessage = null; ws.close(); ws = null; } clearTimeout(timer); }
  function again() {
    stop();
    if (failed > 2) stills(); else tell("wait", "");
    // A person who was signed out is sent to the sign-in by the page itself.
    if (failed === 2) fetch(location.href, { method: "HEAD", redirect: "manual" }).then(function (r) { if (r.type === "opaqueredirect") location.reload(); }).catch(function () {});
    timer = setTimeout(start, wait);
    wait = Math.min(wait * 2, 15000);
  }
  function start() {
    if (document.hidden || ws || only) return;
    ws = new WebSocket((location.protocol === "https:" ? "wss://" : "ws://") + location.host + "/cameras/" + v.dataset.camera + "/live");
    ws.binaryType = "arraybuffer"; taken = 0; heard = Date.now(); failed++;
    ws.onmessage = function (m) {
      taken++; heard = Date.now(); failed = 0;
      if (typeof m.data === "string") return begin(JSON.parse(m.data));
      queue.push(m.data); bytes += m.data.byteLength;
      if (bytes > 16e6) again(); else part();
    };
    ws.onclose = again;
  }
  v.addEventListener("timeupdate", function () { if (!v.paused) { moved = Date.now(); wait = 1000; tell("live", "ok"); } });
  v.addEventListener("click", play);
  setInterval(function () {
    if (!ws) return;
    if (ws.readyState === 1) ws.send(String(taken));
    var now = Date.now();
    // A network that dropped the connection sends no close, and an offline camera sends nothing either.
    if (now - heard > 12000) again();
    else if (moved && !v.paused && now - moved > 4000) tell("wait", "");
  }, 1000);
  // A page that nobody sees costs no data.
  document.addEventListener("visibilitychange", function () {
    if (document.hidden) stop(); else if (only) stills(); else { wait = 1000; failed = 0; start(); }
  });
  if (only) stills(); else start();
  // The whole screen: the browser's own way, or, where there is none for a part of a page (old iPhones), over the page.
  var frame = v.parentNode, full = document.getElementById("watch-full");
  function isFull() { return (document.fullscreenElement || document.webkitFullscreenElement) === frame || frame.classList.contains("whole"); }
  function label() { full.textContent = isFull() ? full.dataset.small : full.dataset.full; }
  function over(on) { frame.classList.toggle("whole", on); label(); }
  full.addEventListener("click", function () {
    if (frame.classList.contains("whole")) return over(false);
    if (isFull()) return void (document.exitFullscreen || document.webkitExitFullscreen).call(document);
    var ask = frame.requestFullscreen || frame.webkitRequestFullscreen;
    if (!ask) return over(true);
    var asked = ask.call(frame);
    if (asked && asked.catch) asked.catch(function () { over(true); });
  });
  ["fullscreenchange", "webkitfullscreenchange"].forEach(function (e) { document.addEventListener(e, label); });
  document.addEventListener("keydown", function (e) { if (e.key === "Escape") over(false); });
})();
