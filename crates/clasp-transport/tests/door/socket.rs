//! How the tests of this folder connect: without encryption.

use std::net::SocketAddr;

use clasp_tls::Acceptor;
use tokio::net::TcpStream;

pub(crate) type Socket = TcpStream;

pub(crate) async fn dial(address: SocketAddr) -> Socket {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

pub(crate) fn acceptor() -> Acceptor {
    Acceptor::plain()
}
