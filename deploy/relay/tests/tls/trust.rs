//! Certificates of clients.

use crate::authority::{Authority, strs};
use crate::client::{Client, curl};
use crate::http;
use crate::support::Relay;

#[tokio::test]
async fn with_a_client_authority_only_its_clients_get_in() {
    let (server, clients, strangers) = (Authority::new(), Authority::new(), Authority::new());
    let arguments = server.arguments("first");
    let more = ["--client-ca", &clients.file("root.pem"), "--health-port", "0"];
    let relay = Relay::start(&[&strs(&arguments)[..], &more].concat()).await;

    let member = clients.issue("member", |_| {});
    let mut client = Client::try_join(relay.address, &server, Some(&member)).await.unwrap();
    assert!(client.is_served().await);

    let stranger = strangers.issue("stranger", |_| {});
    assert!(refused(&relay, &server, &["--cert", "--key"], &stranger).await);
    let nobody = curl(&server, &format!("https://{}/", relay.address), &[]).await;
    assert!(!nobody.status.success(), "{nobody:?}");
    assert_eq!(http::get(relay.address, "/").await.status, 400, "plain would be a way around");
    let health = relay.page("health").await;
    assert_eq!(http::get(health, "/healthz").await.status, 200);
}

/// Whether curl, with this certificate, gets no answer.
async fn refused(
    relay: &Relay,
    server: &Authority,
    flags: &[&str; 2],
    own: &crate::authority::Issued,
) -> bool {
    let (cert, key) = (server.file("own.pem"), server.file("own-key.pem"));
    crate::authority::write(cert.as_ref(), &own.chain);
    crate::authority::write(key.as_ref(), &own.key);
    let url = format!("https://{}/", relay.address);
    let output = curl(server, &url, &[flags[0], &cert, flags[1], &key]).await;
    !output.status.success() && output.stdout.is_empty()
}
