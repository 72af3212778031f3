//! Judges a page in a browser: axe-core, and what axe-core does not look at (`page.js`).

use std::sync::Mutex;

use fantoccini::Client;
use serde_json::{Value, json};

use crate::strangers::others;

/// The rules of axe-core that a page is held against; none is left out.
const RULES: [&str; 6] = [
    "wcag2a",
    "wcag2aa",
    "wcag21a",
    "wcag21aa",
    "wcag22aa",
    "best-practice",
];
/// Shows the dark colours, whatever the machine's are.
const DARK: &str = "[].forEach.call(document.styleSheets, s => [].forEach.call(s.cssRules, r => { if (r.media && r.media.mediaText.includes('dark')) r.media.mediaText = 'all' }))";
/// The addresses of this origin that a page leads to.
const LINKS: &str = "return [...document.querySelectorAll('a[href]')].filter(a => a.origin === location.origin).map(a => a.pathname + a.search)";

/// Judges pages; holds the program of axe-core, and the faults of all pages until the verdict.
pub struct Judge {
    axe: String,
    faults: Mutex<Vec<String>>,
}

impl Judge {
    pub fn new() -> Self {
        let path = others().join("node_modules/axe-core/axe.min.js");
        let axe = std::fs::read_to_string(&path)
            .unwrap_or_else(|e| panic!("{}: {e}; scripts/test installs it", path.display()));
        Self {
            axe,
            faults: Mutex::default(),
        }
    }

    /// Fails when a page is not as it must be.
    pub fn verdict(&self) {
        let faults = self.faults.lock().expect("whole");
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }

    /// Notes what is wrong with the open page, in light and in dark colours.
    pub async fn judge(&self, page: &Client, what: &str) {
        let mut faults = self.run(page, &json!(RULES)).await;
        let own = page.execute(include_str!("page.js"), vec![]).await;
        faults.extend(list(&own.expect("page.js runs")));
        page.execute(DARK, vec![]).await.expect("dark");
        let dark = self.run(page, &json!(RULES)).await;
        faults.extend(dark.into_iter().map(|fault| format!("dark: {fault}")));
        let faults = faults.iter().map(|fault| format!("{what}: {fault}"));
        self.faults.lock().expect("whole").extend(faults);
    }

    /// The violations that axe-core finds by the rules with these tags.
    async fn run(&self, page: &Client, tags: &Value) -> Vec<String> {
        let script = format!(
            "const [tags, done] = arguments;\n{}\n\
             axe.run(document, {{ runOnly: {{ type: 'tag', values: tags }}, resultTypes: ['violations'] }}).then(\
             r => done(r.violations.flatMap(v => v.nodes.map(n => `${{v.id}}: ${{n.html.slice(0, 140)}} ${{n.failureSummary}}`))),\
             e => done([`axe-core: ${{e}}`]))",
            self.axe
        );
        let found = page.execute_async(&script, vec![tags.clone()]).await;
        list(&found.expect("axe-core runs"))
    }

    /// Judges the pages that begin with `first` and every page of the same origin that they lead to,
    /// once each; gives their paths. `is_left_out` looks at a path with its query.
    pub async fn tour(
        &self,
        page: &Client,
        base: &str,
        first: &[&str],
        is_left_out: impl Fn(&str) -> bool,
    ) -> Vec<String> {
        let path = |address: &str| address.split('?').next().unwrap_or_default().to_owned();
        let mut next: Vec<String> = first.iter().rev().map(|a| (*a).to_owned()).collect();
        let mut seen: Vec<String> = Vec::new();
        while let Some(address) = next.pop() {
            if seen.contains(&path(&address)) || is_left_out(&address) {
                continue;
            }
            seen.push(path(&address));
            let whole = format!("{base}{address}");
            page.goto(&whole).await.expect("opens");
            let links = page.execute(LINKS, vec![]).await.expect("links");
            self.judge(page, &whole).await;
            next.extend(list(&links));
        }
        seen
    }
}

fn list(value: &Value) -> Vec<String> {
    let texts = value.as_array().expect("a list").iter();
    texts
        .map(|v| v.as_str().unwrap_or_default().to_owned())
        .collect()
}
