// Live updates: each message is a fragment whose id replaces the element with that id. Without script the page
// is as true, only older. A lost connection is shown, never hidden; a page that nobody sees costs no data.
// The box sends a heartbeat every 3 s. A frozen box and a wifi that is gone close nothing: only silence tells.
(function () {
  var body = document.body, where = body.dataset.live, link = document.getElementById("link");
  if (!where || !window.EventSource) return;
  var words = link.dataset, lost = link.children[0], said = link.children[1], now = function () { return performance.now(); };
  var nav = performance.getEntriesByType("navigation")[0];
  var es, opened, full, pending, since, clock = body.dataset.clock, heard = now(), run, stamp, at, day;
  // The box's clock at a tap: its last stamp, and what passed since. The phone's stopwatch may stand still while
  // the phone sleeps, its clock does not.
  function base(s, passed) { s = s.split("."); run = s[0]; stamp = +s[1]; at = now() - passed; day = Date.now() - passed; }
  base(body.dataset.stamp, nav ? now() - nav.responseStart : 0);
  function tapped() { return run + "." + Math.round(stamp + Math.max(now() - at, Date.now() - day)); }
  function alive() { heard = now(); show(lost); body.classList.remove("old"); }
  function show(e, text) { e.hidden = !text; if (text && e.textContent !== text) e.textContent = text; }
  function silent() {
    show(lost, words.lost.replace("%", clock));
    body.style.setProperty("--old", '" · ' + words.old + '"');
    body.classList.add("old");
  }
  // A picture that is out of sight is fetched when it comes into sight, by the browser.
  function seen(id) {
    var old = document.getElementById(id), r = old && old.getBoundingClientRect();
    return r && r.bottom > 0 && r.top < innerHeight;
  }
  // A text that somebody types, or looks at before it is sent, is never discarded.
  function typing() { return document.querySelector("textarea, [name=body]"); }
  function put(fresh) {
    var old = fresh.id && document.getElementById(fresh.id);
    // A new row has no element on this page yet: reload.
    if (!old) { if (/^(LI|A)$/.test(fresh.tagName) && now() > 9000 && !typing()) location.reload(); return; }
    var held = old.contains(document.activeElement) && document.activeElement.tagName;
    // What somebody unfolded stays so.
    [].forEach.call(old.querySelectorAll("details[id][open]"), function (d) {
      var same = fresh.querySelector("#" + d.id);
      if (same) same.open = true;
    });
    old.replaceWith(fresh);
    var again = held && (fresh.matches(held) ? fresh : fresh.querySelector(held));
    if (again) again.focus();
  }
  // The bar that takes something back goes by itself, unless somebody is at its button.
  function count() {
    var bar = document.getElementById("undo"), left = bar && +bar.dataset.left, num = left && bar.querySelector(".num");
    if (!num) return;
    function say(n) { num.textContent = num.dataset.left.replace("%", n); }
    var tick = setInterval(function () {
      if (!bar.isConnected) return clearInterval(tick);
      if (left > 1) say(--left);
      else if (!bar.contains(document.activeElement)) { bar.className = bar.textContent = ""; clearInterval(tick); }
    }, 1000);
    say(left);
  }
  function offer(html) {
    var t = document.createElement("template");
    t.innerHTML = html;
    [].slice.call(t.content.children).forEach(put);
    count();
  }
  count();
  function open() {
    if (es) es.close();
    opened = now(); full = 0;
    es = new EventSource(where);
    es.addEventListener("beat", function (m) { var d = m.data.split(" "); base(d[0], 0); clock = d[1]; alive(); });
    es.onerror = function () {
      if (es.readyState !== 2) return;
      // Closed for good: perhaps this phone was signed out, or too many pages follow; neither is a lost link.
      fetch(where, { method: "HEAD" }).then(function (r) { if (r.status === 401 && !typing()) location.reload(); else if (r.status < 500) { full = 1; alive(); } }).catch(function () {});
    };
    es.onmessage = function (m) {
      alive();
      var t = document.createElement("template");
      t.innerHTML = m.data;
      [].slice.call(t.content.children).forEach(function (fresh) {
        // A new picture replaces the old one when it is loaded: on a slow link the old one stays that long.
        var img = fresh.querySelector("img");
        if (!img || !img.src || !seen(fresh.id)) return put(fresh);
        var loads = new Image();
        loads.onload = loads.onerror = function () { put(fresh); };
        loads.src = img.src;
      });
    };
  }
  open();
  setInterval(function () {
    if (document.hidden) return;
    if (full) { if (now() - opened > 30000) open(); return; }
    if (now() - heard < 8000) return;
    silent();
    if (now() - opened > 8000) open();
    // A form that leaves the page waits for ever: it is called back, and the box refuses what comes that late.
    if (pending && now() - since > 10000) { pending = 0; window.stop(); open(); show(said, words.late); }
  }, 500);
  document.addEventListener("visibilitychange", function () {
    if (document.hidden) es.close(); else { heard = now(); open(); }
  });
  window.addEventListener("pageshow", function () { pending = 0; });
  document.addEventListener("formdata", function (e) { if (e.target.method === "post") e.formData.set("tap", tapped()); });
  // A form that says so is sent without leaving the page; the answer comes as the next state of its row or group.
  document.addEventListener("submit", function (e) {
    var f = e.target, b = e.submitter, row = f.dataset.live && window.AbortController;
    if (f.method !== "post") return;
    if (f.dataset.busy || pending === f) { e.preventDefault(); return show(said, words.wait); }
    show(said);
    if (!row) { pending = f; since = now(); return; }
    e.preventDefault();
    var d = new FormData(f), c = new AbortController(), timer = setTimeout(function () { c.abort(); }, 10000);
    if (b && b.name) d.append(b.name, b.value);
    f.dataset.busy = 1;
    fetch(f.action, { method: "POST", body: new URLSearchParams(d), headers: { "x-live": "1" }, signal: c.signal })
      .then(function (r) {
        if (r.headers.get("stamp")) base(r.headers.get("stamp"), 0);
        if (r.status === 409 || r.status === 503) return r.text().then(function (t) { show(said, t); });
        if (r.status >= 400) location.reload();
        else if (r.status === 200 && !r.redirected) return r.text().then(offer);
      })
      .catch(function () { show(said, c.signal.aborted ? words.late : words.unsure); })
      .then(function () { clearTimeout(timer); delete f.dataset.busy; });
  });
})();
