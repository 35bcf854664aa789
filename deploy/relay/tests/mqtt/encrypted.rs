//! MQTT inside TLS.

use crate::authority::{Authority, strs};
use crate::tools::{Listener, port, publish, publish_well, start};

#[tokio::test]
async fn both_ports_take_tls_and_one_of_them_nothing_else() {
    let authority = Authority::new();
    let arguments = authority.arguments("relay");
    let mut options = strs(&arguments);
    options.extend(["--mqtts-port", "0"]);
    let (relay, plain) = start(&options).await;
    let encrypted = port(&relay, "MQTTS: mqtts").await;
    let root = authority.file("root.pem");
    let tls = ["--cafile", root.as_str()];
    let mut listener = Listener::start(plain, &["-t", "a"]).await;
    publish_well(encrypted, &[&tls[..], &["-t", "a", "-m", "1"]].concat()).await;
    publish_well(plain, &[&tls[..], &["-t", "a", "-m", "2"]].concat()).await;
    assert_eq!(listener.message().await, "a 1 q0 r0");
    assert_eq!(listener.message().await, "a 2 q0 r0");
    assert!(!publish(encrypted, &["-t", "a", "-m", "3"]).await.status.success());
}
