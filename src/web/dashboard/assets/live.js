// Live updates: each message is a fragment whose id replaces the element with that id. Without script the page
// is as true, only older. A lost connection is shown, never hidden; a page that nobody sees costs no data.
(function () {
  var where = document.body.dataset.live, box = document.getElementById("offline"), timer, es;
  if (!where || !window.EventSource) return;
  function lost() { if (box) box.hidden = false; }
  function found() { clearTimeout(timer); timer = 0; if (box) box.hidden = true; }
  function put(fresh) {
    var old = fresh.id && document.getElementById(fresh.id);
    // A new row has no element on this page yet: reload, but never discard a text that somebody types.
    if (!old) { if (/^(LI|A)$/.test(fresh.tagName) && performance.now() > 9000 && !document.querySelector("textarea")) location.reload(); return; }
    var held = old.contains(document.activeElement) && document.activeElement.tagName;
    old.replaceWith(fresh);
    var again = held && (fresh.matches(held) ? fresh : fresh.querySelector(held));
    if (again) again.focus();
  }
  function open() {
    es = new EventSource(where);
    es.onopen = found;
    es.onerror = function () {
      if (!timer) timer = setTimeout(lost, 5000);
      // Closed for good: perhaps this phone was signed out, and that is not a lost connection.
      if (es.readyState === 2) fetch(where, { method: "HEAD" }).then(function (r) { if (r.status === 401) location.reload(); else if (r.status === 429 || r.status === 200) setTimeout(again, 30000); }).catch(function () {});
    };
    es.onmessage = function (m) {
      found();
      var t = document.createElement("template");
      t.innerHTML = m.data;
      [].slice.call(t.content.children).forEach(function (fresh) {
        // A new picture replaces the old one when it is loaded: on a slow link the old one stays that long.
        var img = fresh.querySelector("img");
        if (!img || !img.src) return put(fresh);
        var loads = new Image();
        loads.onload = loads.onerror = function () { put(fresh); };
        loads.src = img.src;
      });
    };
  }
  function again() { if (!document.hidden && es.readyState === 2) open(); }
  open();
  document.addEventListener("visibilitychange", function () {
    if (document.hidden) { es.close(); clearTimeout(timer); timer = 0; } else if (es.readyState === 2) open();
  });
  // A form of a row or a group is sent without leaving the page; the answer comes as the row's next state.
  document.addEventListener("submit", function (e) {
    var f = e.target;
    if (!f.closest("li, .pair") || !window.fetch || f.dataset.busy) { if (f.dataset.busy) e.preventDefault(); return; }
    e.preventDefault();
    var d = new FormData(f), b = e.submitter;
    if (b && b.name) d.append(b.name, b.value);
    f.dataset.busy = 1;
    fetch(f.action, { method: "POST", body: new URLSearchParams(d), headers: { "x-live": "1" } })
      .then(function (r) { if (r.status >= 400) location.reload(); })
      .catch(lost)
      .then(function () { delete f.dataset.busy; });
  });
})();
