//! `/openapi.json`: the description of the API, put together from those of its sections.

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use serde_json::{Map, Value, json};

/// The page with the description of these sections.
pub fn pages<'a>(sections: impl Iterator<Item = &'a str>) -> Router {
    let document = document(sections).to_string();
    let answer = move || {
        let document = document.clone();
        async move { ([(CONTENT_TYPE, crate::json::CONTENT_TYPE)], document) }
    };
    Router::new().route("/openapi.json", get(answer))
}

/// One document of several.
fn document<'a>(sections: impl Iterator<Item = &'a str>) -> Value {
    let (mut paths, mut schemas) = (Map::new(), Map::new());
    let mut add = |section: &str| {
        let section: Value = serde_json::from_str(section).expect("descriptions are JSON");
        let members = |value: &Value| value.as_object().cloned().unwrap_or_default();
        paths.extend(members(&section["paths"]));
        schemas.extend(members(&section["components"]["schemas"]));
    };
    add(include_str!("openapi/common.json"));
    sections.for_each(add);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "clasp-relay",
            "description": "The HTTP API of a CLASP relay.",
            "version": env!("CARGO_PKG_VERSION"),
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": { "bearer": { "type": "http", "scheme": "bearer" } },
        },
    })
}
