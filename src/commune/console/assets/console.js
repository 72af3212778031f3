// Live updates: each message is fragments whose ids replace the elements with those ids. Without script the page is
// as true, only older. A lost connection is shown with the time of the last news, never hidden; nothing is typed on
// a page that is followed.
(function () {
  var where = document.body.dataset.live, box = document.getElementById("offline"), es, beat, time;
  if (!where || !window.EventSource) return;
  function lost() {
    if (!box) return;
    if (time) box.querySelector("time").textContent = time;
    box.hidden = false;
  }
  function news(m) {
    if (m.lastEventId) time = m.lastEventId;
    if (box) box.hidden = true;
    clearTimeout(beat);
    // The server says something every ten seconds: a connection that died without an end is opened again.
    beat = setTimeout(function () { lost(); es.close(); open(); }, 25000);
  }
  function put(fresh) {
    var old = fresh.id && document.getElementById(fresh.id);
    if (!old) return;
    var held = old.contains(document.activeElement) && document.activeElement.getAttribute("href");
    old.replaceWith(fresh);
    var again = held && fresh.querySelector('[href="' + held + '"]');
    if (again) again.focus();
  }
  function open() {
    clearTimeout(beat);
    beat = setTimeout(function () { lost(); es.close(); open(); }, 25000);
    es = new EventSource(where);
    es.addEventListener("beat", news);
    es.onmessage = function (m) {
      news(m);
      var t = document.createElement("template");
      t.innerHTML = m.data;
      [].slice.call(t.content.children).forEach(put);
    };
    es.onerror = function () {
      lost();
      // Closed for good: perhaps this sign-in ended, and that is not a lost connection.
      if (es.readyState === 2) fetch(where, { method: "HEAD" }).then(function (r) { if (r.status === 401) location.reload(); }).catch(function () {});
    };
  }
  open();
  document.addEventListener("visibilitychange", function () {
    clearTimeout(beat);
    es.close();
    if (!document.hidden) open();
  });
})();
