//! Events by OSC.

use clasp_protocol::RawValue;
use rosc::OscType;

use crate::peer::{AT_ONCE, Ear, Peer, bundle, message, osc_address};
use crate::support::Relay;

#[tokio::test]
async fn an_event_reaches_clients_of_both_kinds_and_is_kept_nowhere() {
    let relay = Relay::start(&["--osc-port", "0"]).await;
    let osc = osc_address(&relay).await;
    let (desk, screen) = (Peer::new(osc).await, Peer::new(osc).await);
    let mut ear = Ear::new(&relay).await;
    screen.subscribe("/go").await;
    desk.send("/clasp/event", vec!["/go".into(), OscType::Float(0.5)]).await;
    ear.hears("/osc/go", Some(RawValue::float(0.5))).await;
    screen.expect("/go", vec![OscType::Float(0.5)]).await;
    desk.send("/clasp/event", vec!["/go".into()]).await;
    ear.hears("/osc/go", None).await;
    screen.expect("/go", vec![]).await;
    desk.send("/clasp/get", vec!["/go".into()]).await;
    let refused = desk.next().await;
    assert!(refused[0].0 == "/clasp/error" && refused[0].1[1] == 201.into(), "{refused:?}");
}

#[tokio::test]
async fn an_event_in_a_bundle_comes_with_the_rest() {
    let relay = Relay::start(&["--osc-port", "0"]).await;
    let osc = osc_address(&relay).await;
    let (desk, screen) = (Peer::new(osc).await, Peer::new(osc).await);
    screen.subscribe("/**").await;
    let parts =
        [message("/level", vec![1.into()]), message("/clasp/event", vec!["/go".into(), 2.into()])];
    desk.packet(&bundle(AT_ONCE, parts.into())).await;
    let told = [("/level", 1), ("/go", 2)];
    let told = told.map(|(address, value)| (address.to_owned(), vec![OscType::Int(value)]));
    assert_eq!(screen.next().await, told);
}
