// Liveness: each message is a fragment whose id replaces the element with that id. Without script the page
// is as true, only older.
(function () {
  var where = document.body.dataset.live, last = 0;
  if (!where || !window.EventSource) return;
  var es = new EventSource(where);
  es.onmessage = function (m) {
    var t = document.createElement("template");
    t.innerHTML = m.data;
    [].slice.call(t.content.children).forEach(function (fresh) {
      var old = fresh.id && document.getElementById(fresh.id);
      if (!old) return;
      var held = old.contains(document.activeElement) && document.activeElement.tagName;
      old.replaceWith(fresh);
      var again = held && fresh.querySelector(held);
      if (again) again.focus();
    });
    last = Date.now();
  };
  // A form of a row is sent without leaving the page; the answer comes as the row's next state.
  document.addEventListener("submit", function (e) {
    var f = e.target;
    if (!f.closest("li") || !window.fetch) return;
    e.preventDefault();
    var b = f.querySelector("button");
    b.disabled = true;
    fetch(f.action, { method: "POST", body: new URLSearchParams(new FormData(f)), headers: { "x-live": "1" } })
      .then(function (r) { if (r.status >= 400) location.reload(); })
      .catch(function () { f.submit(); })
      .then(function () { b.disabled = false; });
  });
})();
