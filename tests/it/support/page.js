// What a page must be besides what axe-core looks at: its languages, letters of 18 px, one heading, controls that a thumb
// hits and the keyboard sees, nothing under the bar, paper without buttons. Gives a sentence for each fault.
var faults = [], bar = document.querySelector(".feet"), own = document.documentElement.lang;
function say(what, e) { faults.push(what + ": " + e.outerHTML.replace(/\s+/g, " ").slice(0, 140)); }
function all(css) { return [].slice.call(document.querySelectorAll(css)); }
function isSeen(e) { return e.getClientRects().length > 0 && e.checkVisibility({ visibilityProperty: true }); }

// Languages.
var walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), node;
while ((node = walker.nextNode())) {
  var of = node.parentElement;
  if (/^(SCRIPT|STYLE|NOSCRIPT)$/.test(of.tagName) || !/[À-ÖØ-öø-ỹ]/.test(node.data)) continue;
  if (of.closest("[lang]").getAttribute("lang") !== "vi") say("Vietnamese that is called " + own, of);
}
if (/[\u2068\u2069]/.test(document.documentElement.outerHTML)) faults.push("a mark was left");

// Letters.
walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while ((node = walker.nextNode())) {
  var letters = node.parentElement, px = parseFloat(getComputedStyle(letters).fontSize);
  if (/\S/.test(node.data) && isSeen(letters) && !letters.closest("svg") && px < 18) say("letters of " + px + " px", letters);
}

// Headings.
if (all("h1").filter(isSeen).length !== 1) faults.push(all("h1").length + " h1");

// Controls, also those that are folded away.
all("details").forEach(function (e) { e.open = true; });
all("a[href], button, input:not([type=hidden]), select, textarea, summary, audio, video[controls]").filter(isSeen).forEach(function (e) {
  if (e.matches(".skip")) return;
  var isInText = e.matches("a[href^='tel:']:not(.button)"), targets = [e].concat([].slice.call(e.labels || []));
  var tall = Math.max.apply(null, targets.map(function (t) { return t.getBoundingClientRect().height; }));
  if (!isInText && tall < 47.5) say(Math.round(tall) + " px tall", e);
  // A switch that cannot be switched takes no focus; its label says why.
  if (e.disabled && [].some.call(e.labels || [], function (l) { return /\S\s+\S/.test(l.textContent); })) return;
  e.focus();
  if (document.activeElement !== e) return say("takes no focus", e);
  var style = getComputedStyle(e);
  if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 2) say("its focus is not seen", e);
  var at = e.getClientRects()[0], top = !bar || bar.contains(e) ? innerHeight : getComputedStyle(bar).visibility === "hidden" ? Infinity : bar.getBoundingClientRect().top;
  if (at.bottom > top + 1 && at.height < top) say("lies under the bar", e);
  var hit = document.elementFromPoint(at.left + at.width / 2, Math.max(1, at.top + Math.min(at.height, 40) / 2));
  if (!hit || !(e.contains(hit) || hit.contains(e))) say("is covered by " + (hit ? hit.outerHTML.slice(0, 60) : "nothing"), e);
});
document.activeElement.blur();
scrollTo(0, 0);

// Paper.
function rulesFor(media, use) {
  (function each(rules) {
    [].forEach.call(rules, function (rule) {
      if (rule.media && rule.media.mediaText === media) use(rule);
      else if (rule.cssRules) each(rule.cssRules);
    });
  })([].concat.apply([], [].map.call(document.styleSheets, function (s) { return [].slice.call(s.cssRules); })));
}
var paper = [];
rulesFor("print", function (rule) { paper.push(rule); });
if (!paper.length) faults.push("nothing for paper");
paper.forEach(function (rule) { rule.media.mediaText = "all"; });
all("button, nav, .button, .skip, .bar a").filter(isSeen).forEach(function (e) { say("stands on paper", e); });
all("main a").filter(isSeen).forEach(function (e) { if (!/^rgb\(0, 0, 0\)$/.test(getComputedStyle(e).color)) say("is not black on paper", e); });
if (!all("h1").filter(isSeen).length) faults.push("no heading on paper");
paper.forEach(function (rule) { rule.media.mediaText = "print"; });
return faults;
