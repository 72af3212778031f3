//! Sheets with codes, as the technician prints them.

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use base64ct::{Base64, Encoding as _};

use crate::protocol::control::{PrintAnswer, PrintOrder};
use crate::web::kit::app::App;
use crate::web::kit::printed;

/// The requests.
pub(super) fn router() -> Router<App> {
    Router::new().route("/print", post(print))
}

async fn print(State(app): State<App>, Json(order): Json<PrintOrder>) -> Json<PrintAnswer> {
    let make = move || match order {
        PrintOrder::Wall => printed::wall(&app).ok(),
        PrintOrder::Alleys { road } => printed::alleys(&app, road.as_ref()).ok(),
        PrintOrder::Plates { road } => printed::plates(&app, &road).ok(),
        PrintOrder::Stickers { road } => printed::stickers(&app, &road).ok(),
        PrintOrder::Notice { id } => {
            let notice = app.journal.state().notices.get(&id).cloned()?;
            printed::notice(&app, &notice).ok()
        }
    };
    let pdf = tokio::task::spawn_blocking(make).await.ok().flatten();
    Json(PrintAnswer {
        pdf: pdf.map(|pdf| Base64::encode_string(&pdf)),
    })
}
