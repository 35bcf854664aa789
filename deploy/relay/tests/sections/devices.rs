//! Devices in the registry's place, where the published JavaScript client looks for them.

use serde_json::{Value, json};

use crate::api::{Api, HEX, join, put_admin_token, refusal, start};
use crate::folder::Folder;
use crate::{ended, may_write};

/// Provisions a device; its id and its token.
async fn provision(api: Api, parent: &str, name: &str) -> (String, String) {
    let device = json!({ "name": name, "scopes": [format!("write:/{name}/**")] });
    let made = api.ask("POST /auth/register", parent, &device).await;
    assert_eq!(made.status, 200, "{made:?}");
    (made.text("session_id").to_owned(), made.text("token").to_owned())
}

async fn revoke(api: Api, parent: &str, id: &str) -> crate::api::Answer {
    let line = format!("PUT /api/entities/{id}/status");
    api.ask(&line, parent, &json!({ "status": "revoked" })).await
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_owner_lists_devices_and_revokes_them_and_nobody_else_does() {
    let folder = Folder::new();
    let (relay, api) = start(&folder, &[]).await;
    let (parent, stranger) = (api.register("alice").await, api.register("bob").await);
    let (lamp, lamp_token) = provision(api, &parent, "lamp").await;
    let (_, door_token) = provision(api, &parent, "door").await;
    let list = api.get("/api/entities", &parent).await;
    let mut told = names(&list.body);
    told.sort_unstable();
    assert_eq!((list.status, told), (200, vec!["door", "lamp"]));
    let of_lamp = list.body.as_array().unwrap().iter().find(|it| it["id"] == lamp).unwrap();
    assert_eq!(of_lamp["scopes"], json!(["write:/lamp/**"]));
    assert_eq!((&of_lamp["type"], &of_lamp["status"]), (&json!("device"), &json!("active")));
    assert_eq!(api.get("/api/entities?limit=1", &parent).await.body.as_array().unwrap().len(), 1);

    assert_eq!(names(&api.get("/api/entities", &stranger).await.body), Vec::<&str>::new());
    assert_eq!(revoke(api, &stranger, &lamp).await.status, 404);
    assert_eq!(revoke(api, &lamp_token, &lamp).await.status, 404, "not even itself");

    let mut session = join(relay.address, &lamp_token).await;
    let mut other = join(relay.address, &door_token).await;
    let revoked = revoke(api, &parent, &lamp).await;
    assert_eq!((revoked.status, revoked.text("status")), (200, "revoked"));
    ended(&mut session, 300).await;
    assert_eq!(refusal(relay.address, Some(&lamp_token)).await, 300);
    may_write(&mut other, "/door/open").await;
    assert_eq!(names(&api.get("/api/entities", &parent).await.body), ["door"]);
    assert_eq!(revoke(api, &parent, &lamp).await.status, 404);
}

#[tokio::test]
async fn devices_know_no_other_status_and_entities_are_the_operators() {
    let folder = Folder::new();
    put_admin_token(&folder);
    let options = ["--registry-db", "registry.db", "--admin-token", "admin.token"];
    let (_relay, api) = start(&folder, &options).await;
    let parent = api.register("alice").await;
    let (lamp, _) = provision(api, &parent, "lamp").await;
    let line = format!("PUT /api/entities/{lamp}/status");
    let status = |word: &str| json!({ "status": word });
    assert_eq!(api.ask(&line, &parent, &status("active")).await.text("name"), "lamp");
    assert_eq!(api.ask(&line, &parent, &status("suspended")).await.status, 400);
    let created = json!({ "type": "user", "name": "Ute" });
    assert_eq!(api.ask("POST /api/entities", &parent, &created).await.status, 403);
    let ute = api.ask("POST /api/entities", HEX, &created).await;
    assert_eq!(revoke(api, &parent, ute.text("id")).await.status, 403);
    assert_eq!(names(&api.get("/api/entities", HEX).await.body), ["Ute"]);
    assert_eq!(revoke(api, HEX, "xyz").await.status, 400);
    let (tool, _) = provision(api, HEX, "tool").await;
    assert_eq!(revoke(api, HEX, &tool).await.status, 200, "the operator's own");
}
