//! Connect, subscribe, set, and print what comes back.
use clasp_client::Clasp;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::var("CLASP_URL").unwrap_or("ws://localhost:7330".into());
    let client = Clasp::connect_to(&url).await?;
    client.subscribe("/lights/**", |value, address| println!("{address} {value:?}")).await?;
    client.set("/lights/kitchen", 0.5).await?;
    Ok(tokio::signal::ctrl_c().await?)
}
