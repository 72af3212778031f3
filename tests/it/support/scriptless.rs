//! Chromium in which no page may run a script, spoken to over its DevTools pipe.
//!
//! The usual driver asks everything of a page by a script within it, and hangs when there is none.
//! Here nothing is asked of the page: what is shown comes from the layout (`DOMSnapshot`), typing
//! and keys come as a person's do (`Input`). Each page is a target of its own, shut before its
//! address is opened.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

/// Longest wait for an answer or an event.
const MOST: Duration = Duration::from_secs(60);

/// The browser.
pub struct ScriptlessBrowser {
    child: Child,
    to: ChildStdin,
    from: Receiver<Value>,
    /// Events that nobody has waited for yet.
    events: VecDeque<Value>,
    last: u64,
    _profile: tempfile::TempDir,
}

impl ScriptlessBrowser {
    pub fn start() -> Self {
        let profile = tempfile::tempdir().expect("folder");
        let program = format!(
            "exec chromium --headless=new --no-sandbox --disable-gpu --no-first-run \
             --disable-background-networking --disable-component-update --disable-sync \
             --disable-dev-shm-usage --disable-quic --lang=vi --user-data-dir={} \
             --remote-debugging-pipe 3<&0 4>&1 </dev/null >/dev/null 2>&1",
            profile.path().display()
        );
        let mut child = Command::new("/bin/sh")
            .args(["-c", &program])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("chromium");
        let to = child.stdin.take().expect("a pipe");
        let out = child.stdout.take().expect("a pipe");
        let (tell, from) = channel();
        std::thread::spawn(move || {
            let mut out = BufReader::new(out);
            let mut message = Vec::new();
            while out.read_until(0, &mut message).is_ok_and(|n| n > 0) {
                message.pop();
                let message = std::mem::take(&mut message);
                if tell
                    .send(serde_json::from_slice(&message).expect("JSON"))
                    .is_err()
                {
                    return;
                }
            }
        });
        Self {
            child,
            to,
            from,
            events: VecDeque::new(),
            last: 0,
            _profile: profile,
        }
    }

    fn next(&self, what: &str) -> Value {
        let message = self.from.recv_timeout(MOST);
        message.unwrap_or_else(|e| panic!("the browser says nothing to {what}: {e}"))
    }

    /// Gives an order; of a page, or of the browser.
    fn call(&mut self, page: Option<&str>, method: &str, params: &Value) -> Value {
        self.last += 1;
        let mut order = json!({ "id": self.last, "method": method, "params": params });
        if let Some(page) = page {
            order["sessionId"] = json!(page);
        }
        let text = format!("{order}\0");
        self.to.write_all(text.as_bytes()).expect("written");
        loop {
            let mut said = self.next(method);
            if said["id"] == self.last {
                assert!(said["error"].is_null(), "{method}: {}", said["error"]);
                return said["result"].take();
            }
            if said["id"].is_null() {
                self.events.push_back(said);
            }
        }
    }

    /// Waits until an event of a page has come.
    fn until(&mut self, page: &str, event: &str) {
        let is_it = |said: &Value| said["sessionId"] == page && said["method"] == event;
        if let Some(at) = self.events.iter().position(is_it) {
            self.events.remove(at);
            return;
        }
        loop {
            let said = self.next(event);
            if is_it(&said) {
                return;
            }
            if said["id"].is_null() {
                self.events.push_back(said);
            }
        }
    }

    /// Opens an address on a phone; gives the page.
    pub fn open(&mut self, address: &str, may_run_scripts: bool) -> String {
        let blank = json!({ "url": "about:blank" });
        let target = self.call(None, "Target.createTarget", &blank)["targetId"].take();
        let attach = json!({ "targetId": target, "flatten": true });
        let page = self.call(None, "Target.attachToTarget", &attach)["sessionId"].take();
        let page = page.as_str().expect("a session").to_owned();
        let off = json!({ "value": !may_run_scripts });
        self.call(Some(&page), "Emulation.setScriptExecutionDisabled", &off);
        let phone = json!({
            "width": 360, "height": 800, "deviceScaleFactor": 1, "mobile": true
        });
        self.call(Some(&page), "Emulation.setDeviceMetricsOverride", &phone);
        self.call(Some(&page), "Page.enable", &json!({}));
        self.call(Some(&page), "Page.navigate", &json!({ "url": address }));
        self.until(&page, "Page.loadEventFired");
        page
    }

    /// The words that a page shows, in the order of the page; what is hidden is not among them.
    pub fn shown(&mut self, page: &str) -> Vec<String> {
        let params = json!({ "computedStyles": [] });
        let shot = self.call(Some(page), "DOMSnapshot.captureSnapshot", &params);
        let strings = shot["strings"].as_array().expect("strings");
        let texts = shot["documents"][0]["layout"]["text"].as_array();
        let texts = texts.expect("a layout").iter();
        texts
            .filter_map(|at| strings.get(usize::try_from(at.as_i64()?).ok()?)?.as_str())
            .map(|words| words.split_whitespace().collect::<Vec<_>>().join(" "))
            .filter(|words| !words.is_empty())
            .collect()
    }

    /// Puts the focus on an element; false = there is none.
    pub fn focus(&mut self, page: &str, css: &str) -> bool {
        let root = self.call(Some(page), "DOM.getDocument", &json!({ "depth": 0 }));
        let query = json!({ "nodeId": root["root"]["nodeId"], "selector": css });
        let found = self.call(Some(page), "DOM.querySelector", &query)["nodeId"].take();
        if found == 0 {
            return false;
        }
        self.call(Some(page), "DOM.focus", &json!({ "nodeId": found }));
        true
    }

    /// Types where the focus is.
    pub fn type_text(&mut self, page: &str, text: &str) {
        self.call(Some(page), "Input.insertText", &json!({ "text": text }));
    }

    /// Presses Enter where the focus is, and waits for the page to which that leads.
    pub fn enter(&mut self, page: &str) {
        let waited = self.events.iter();
        let is_load = |said: &&Value| said["method"] == "Page.loadEventFired";
        assert_eq!(
            waited.filter(is_load).count(),
            0,
            "nothing has loaded since"
        );
        let key = json!({
            "type": "keyDown", "key": "Enter", "code": "Enter", "text": "\r",
            "windowsVirtualKeyCode": 13,
        });
        self.call(Some(page), "Input.dispatchKeyEvent", &key);
        self.until(page, "Page.loadEventFired");
    }
}

impl Drop for ScriptlessBrowser {
    fn drop(&mut self) {
        // The shell has become the browser; its own processes go with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
