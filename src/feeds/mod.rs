//! News of other pages become drafts, and links that lead out of the village are looked after. Both
//! work only while there is internet, and nothing waits for them.

mod draft_body;
pub mod fetch;
pub mod links;
pub mod reader;
