//! The published discovery client with the directory that the relay serves.

use std::time::Duration;

use clasp_discovery::{DeviceRegistration, Discovery, DiscoveryConfig};
use clasp_interop::{Relay, within};

/// A published client of the directory that this relay serves.
fn client(relay: &Relay) -> Discovery {
    Discovery::with_config(DiscoveryConfig {
        rendezvous_url: Some(relay.directory()),
        rendezvous_refresh_interval: Duration::from_secs(1),
        rendezvous_tag: Some("stage".into()),
        ..DiscoveryConfig::default()
    })
}

fn stage() -> DeviceRegistration {
    DeviceRegistration {
        name: "Stage".into(),
        endpoints: [("ws".into(), "ws://192.168.1.9:7330".into())].into(),
        tags: vec!["stage".into()],
        ..DeviceRegistration::default()
    }
}

#[tokio::test]
async fn a_published_client_registers_and_another_finds_it() {
    let relay = Relay::start_with(&["--rendezvous-port", "auto"]).await;
    let mut registrant = client(&relay);
    registrant.register_with_rendezvous(stage());
    let found = async {
        loop {
            let devices = client(&relay).discover_wan().await.expect("the directory answers");
            if let Some(device) = devices.into_iter().next() {
                return device;
            }
        }
    };
    let device = within("the registration", found).await;
    assert_eq!(device.name, "Stage");
}
